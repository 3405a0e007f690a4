import { z } from 'zod'
import { NonRetryableError } from '../../src/core/errors.ts'
import { defaultBackoff } from '../../src/core/retry.ts'
import type { JoinMode } from '../../src/core/join.ts'
import type { Child, ThreadContext } from '../../src/registry/context.ts'
import type { AdmissionRules } from '../../src/registry/admission.ts'
import { brand, type AnyTaskType, type Runtime } from '../../src/registry/type.ts'
import { preemptionRule } from './preemption.ts'
import type { LiveRun } from './live-runs.ts'

/** What a scripted handler does, one after the other. Times in milliseconds. */
export type Step =
  /** Sleeps, which is a pause point. */
  | readonly ['sleep', number]
  /** Sleeps until something stops it, but only in the first attempt: after that, it may be that nothing does. */
  | readonly ['endless']
  /** Does not return to the engine, nor notice its signal. */
  | readonly ['deaf', number]
  | readonly ['checkpoint']
  | readonly ['durable']
  /** Stores a step under this name, whose function takes this long. */
  | readonly ['task-step', string, number]
  /** Starts a child under this name, which takes this step. */
  | readonly ['spawn', string, Step]
  /** Asks under these names at once, for so long; null for ever. */
  | readonly ['ask', readonly string[], number | null]
  /** Waits for the children that it has started so far, as far as they end on their own. */
  | readonly ['join', JoinMode]
  /** Reports progress and log lines all at once. */
  | readonly ['flood', number]
  /** Fails in the first attempts. */
  | readonly ['throw', number]
  | readonly ['throw-final']
  /** From here on, it takes its time when it must stop, and then stops as it was told. */
  | readonly ['slow-to-stop', number]
  /** From here on, it takes its time when it must stop, and then returns a result. */
  | readonly ['finish-late', number]
  /** Returns although a branch of it still sleeps. */
  | readonly ['race', number]

export type Steps = readonly Step[]

/** `seq` rises with every checkpoint of a task, over all its runs. */
export type State = Readonly<{ next: number; seq: number }>

export type Result = Readonly<{ id: string; fence: number; seq: number }>

/** How the run that the context belongs to is known to the checker. */
export type RunOf = (task: ThreadContext<unknown>) => LiveRun

type Own = Readonly<{
  concurrency?: number
  poisonLimit?: number
  maxQueued?: number | null
  preemptible?: boolean
  admission: AdmissionRules | null
}>

/** A type whose handlers carry out the steps in their parameters. */
export function scriptedType(
  type: string,
  runs: Runtime,
  runOf: RunOf,
  { concurrency, poisonLimit, maxQueued = null, preemptible = false, admission }: Own,
): AnyTaskType {
  return {
    [brand]: true,
    type,
    definedAt: undefined,
    description: '',
    parameters: z.any(),
    jsonSchema: {},
    example: undefined,
    state: undefined,
    runs,
    module: null,
    memory: null,
    command: null,
    concurrency: concurrency ?? null,
    attempts: 1,
    backoff: defaultBackoff,
    timeout: null,
    expiresIn: null,
    preemption: preemptible ? preemptionRule : null,
    maxQueued,
    poisonLimit: poisonLimit ?? null,
    unique: null,
    sensitive: null,
    admission,
    run: (parameters, task) => perform((parameters as { steps: Steps }).steps, task, runOf(task)),
  }
}

async function perform(steps: Steps, task: ThreadContext<unknown>, run: LiveRun): Promise<Result> {
  const state = (task.state as State | undefined) ?? { next: 0, seq: 0 }
  run.continuesFrom(task.state as State | undefined)
  let { seq } = state
  let late: Step | undefined
  const asked = new Map<string, number>()
  /** By name. */
  const spawned = new Map<string, Child>()
  const start = async ([, name, takes]: Extract<Step, readonly ['spawn', ...unknown[]]>) => {
    const child = await task.spawn('inline', { steps: [takes] }, { name })
    spawned.set(name, child)
    return child
  }
  try {
    for (let next = state.next; next < steps.length; next++) {
      const step = steps[next]!
      switch (step[0]) {
        case 'sleep':
          await task.sleep(step[1] / 1_000)
          break
        case 'endless':
          if (task.attempt === 1) await task.sleep(7_200)
          break
        case 'deaf':
          await run.wait(step[1])
          break
        case 'checkpoint':
        case 'durable': {
          seq += 1
          run.reports(seq)
          await task.checkpoint({ next: next + 1, seq }, { durable: step[0] === 'durable' })
          if (step[0] === 'durable') run.knowsStored(seq)
          break
        }
        case 'task-step': {
          const [, name, takes] = step
          const result = await task.step(name, async () => {
            run.does(name)
            if (takes > 0) await run.wait(takes)
            return `by fence ${run.fence}`
          })
          run.knows(name, result)
          break
        }
        case 'spawn':
          await start(step)
          break
        case 'ask': {
          const [, names, patience] = step
          const timeout = patience === null ? {} : { timeout: patience / 1_000 }
          await Promise.all(
            names.map(async (name) => {
              const occurrence = (asked.get(name) ?? 0) + 1
              asked.set(name, occurrence)
              const heard = await task.wait(name, { schema: z.string(), ...timeout })
              run.hears({ name, occurrence }, heard)
            }),
          )
          break
        }
        case 'join': {
          const children: Child[] = []
          for (const earlier of steps.slice(0, next)) {
            if (earlier[0] !== 'spawn' || earlier[2][0] === 'endless') continue
            const child = spawned.get(earlier[1]) ?? (await start(earlier))
            children.push(child)
          }
          if (children.length === 0) break
          if (step[1] === 'all') await task.all(children)
          else if (step[1] === 'any') await task.any(children)
          else await task.settled(children)
          const ids = children.map(({ id }) => id)
          run.joined(step[1], ids)
          break
        }
        case 'flood':
          for (let line = 0; line < step[1]; line++) {
            task.progress(line, step[1])
            if (line % 10 === 0) task.log(`line ${line}`)
          }
          break
        case 'throw':
          if (task.attempt <= step[1]) throw new Error('as the script says')
          break
        case 'throw-final':
          throw new NonRetryableError('as the script says')
        case 'race':
          await Promise.race([task.sleep((step[1] * 10) / 1_000), run.wait(step[1])])
          break
        default:
          late = step
      }
    }
  } catch (error) {
    if (late === undefined || !task.signal.aborted) throw error
    await run.wait(late[1] as number)
    if (late[0] === 'slow-to-stop') throw error
  }
  return { id: task.id, fence: task.fence, seq }
}
