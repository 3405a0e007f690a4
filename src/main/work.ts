import { hostname } from 'node:os'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ConfigInvalid } from '../config.ts'
import { parseDuration } from '../core/duration.ts'
import { TaskError } from '../core/errors.ts'
import type { ErrorRecord } from '../core/task.ts'
import type { EndedStep, Fermata, Parking, WorkerHandler, WorkerTask } from '../client/index.ts'
import type { SleepRequest } from '../core/sleep.ts'
import type { StepReport } from '../core/step.ts'
import type { WaitRequest, WaitState } from '../core/wait.ts'
import type { CompletedStep } from '../execution/executors/executor.ts'
import type { CommandExecutor } from '../execution/executors/command/command.ts'
import { defineCommand } from '../registry/command.ts'
import type { AnyTaskType } from '../registry/type.ts'
import { signalled } from './operator.ts'

type WorkOptions = Readonly<{
  url?: string
  name?: string
  concurrency?: string
  pause?: 'checkpoint' | 'none'
  description?: string
  parameters?: string
  maxAttempts?: string
  timeout?: string
  cancelGrace?: string
}>

/** Makes a program a remote worker of one type: it is started for each task, and speaks the protocol of commands (docs/commands.md). */
export async function runWork(
  _: unknown,
  [type = '', ...program]: readonly string[],
  options: WorkOptions,
): Promise<void> {
  if (program.length === 0)
    throw new ConfigInvalid('Name the program after --: fermata work TYPE -- ./program --flag.')
  const concurrency = whole('--concurrency', options.concurrency ?? '1')
  const grace = duration('--cancel-grace', options.cancelGrace ?? '5s')
  const pause = options.pause ?? 'none'
  const { description } = options
  const parameters = options.parameters === undefined ? undefined : schemaOf(options.parameters)
  const attempts =
    options.maxAttempts === undefined ? {} : { max_attempts: whole('--max-attempts', options.maxAttempts) }
  const timeout =
    options.timeout === undefined ? {} : { timeout: duration('--timeout', options.timeout) / 1_000 }
  const [{ Fermata, FermataError, Worker }, { CommandExecutor }, { Room }, { systemClock }] =
    await Promise.all([
      import('../client/index.ts'),
      import('../execution/executors/command/command.ts'),
      import('../execution/executors/shortage.ts'),
      import('../execution/executors/system-clock.ts'),
    ])
  const executor = new CommandExecutor(systemClock, undefined, new Room())
  const definition = defineCommand({
    type,
    parameters: z.looseObject({}),
    command: () => program,
    pause: pause === 'checkpoint' ? 'checkpoint' : 'freeze',
  })
  const handler: WorkerHandler = {
    pause,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...attempts,
    ...timeout,
    run: (given: never, task: WorkerTask<never>) =>
      carryOut({ executor, definition, grace, server }, given, task),
  }
  const url = options.url ?? (process.env['FERMATA_URL'] || 'http://localhost:8000')
  const server = new Fermata({ url })
  const worker = new Worker(server, {
    name: options.name ?? `${hostname()}:${process.pid}`.replaceAll(/[^\w.:@-]/g, '_'),
    concurrency,
    types: { [type]: handler },
    onTrouble: (error, what) =>
      process.stderr.write(`fermata: ${what}: ${error instanceof Error ? error.message : String(error)}\n`),
  })
  const stopped = new AbortController()
  void signalled(() => undefined).then(() => stopped.abort())
  if (process.stderr.isTTY)
    process.stderr.write(`Worker ${worker.name} runs tasks of type ${type}. Press Ctrl+C to stop.\n`)
  try {
    await worker.run({ signal: stopped.signal })
  } catch (error) {
    if (error instanceof FermataError) throw new ConfigInvalid(error.detail)
    throw error
  } finally {
    await executor.close()
  }
}

type Means = Readonly<{
  executor: Readonly<{ start: CommandExecutor['start'] }>
  definition: AnyTaskType
  /** Milliseconds from the signal to the kill. */
  grace: number
  server: Fermata
}>

/** Seconds for which calls that a program waits for are repeated. */
const patience = 300

/** One task: the program from its start to its end, or to its pause. */
async function carryOut(
  { executor, definition, grace, server }: Means,
  parameters: unknown,
  task: WorkerTask<never>,
): Promise<unknown> {
  const { promise: suspended, resolve: suspend } = Promise.withResolvers<'suspended' | SleepRequest>()
  const { id, attempt, fence, state, sleeps, leaseToken } = task
  const options = { patience, signal: task.signal }
  const execution = executor.start(
    {
      type: definition,
      id,
      attempt,
      fence,
      parameters: JSON.stringify(parameters),
      checkpoint: state === undefined ? null : JSON.stringify(state),
      crashes: 0,
      sleeps: sleeps && { over: sleeps.over, left: sleeps.left.map((seconds) => seconds * 1_000) },
      trace: null,
    },
    {
      checkpoint: (json) => task.keep(JSON.parse(json) as never),
      durable: async () => true,
      // Only handlers recall steps one by one.
      recall: async () => null,
      completedSteps: () => whileHeld(storedSteps(server, leaseToken, options)),
      step: async (report) =>
        (await whileHeld(server.beat(leaseToken, { steps: [endedStep(report)] }, { patience }))) !== null,
      wait: (request) => whileHeld(look(server, leaseToken, request, options)),
      spawn: () => Promise.reject(new ChildrenUnsupported()),
      join: () => Promise.reject(new ChildrenUnsupported()),
      outcomes: () => Promise.reject(new ChildrenUnsupported()),
      progress: ({ current, total, message }) => task.progress(current, total, message),
      log: (line) => task.log(line),
      suspended: () => suspend('suspended'),
      asleep: (request) => suspend(request),
      awake: () => execution.resume(),
      displaced: () => {},
    },
  )
  let kill: NodeJS.Timeout | undefined
  const stop = () => {
    execution.abort(task.signal.reason as Error)
    kill = setTimeout(() => execution.kill?.(), grace)
  }
  const pause = () => execution.pause()
  task.signal.addEventListener('abort', stop, { once: true })
  task.pausing.addEventListener('abort', pause, { once: true })
  try {
    const ended = await Promise.race([execution.done, suspended])
    // It has written its checkpoint and is gone.
    if (ended === 'suspended') return await task.checkpoint()
    if ('wakeIn' in ended) return task.park(parkingOf(ended))
    switch (ended.kind) {
      case 'returned':
        return JSON.parse(ended.result) as unknown
      case 'threw':
        throw failure(ended.error, !ended.final)
      case 'killed':
        throw failure({ code: 'KILLED', name: 'Killed', message: 'The command ignored its signal.' }, true)
      case 'given-back':
      case 'died':
        throw failure(
          { code: 'DIED', name: 'Died', message: `The command could not run: ${ended.why}.` },
          true,
        )
    }
  } finally {
    clearTimeout(kill)
    task.signal.removeEventListener('abort', stop)
    task.pausing.removeEventListener('abort', pause)
  }
}

/** Null if the lease is lost: the worker then stops the program. */
async function whileHeld<Answer>(call: Promise<Answer>): Promise<Answer | null> {
  try {
    return await call
  } catch (error) {
    const { code } = Object(error) as { code?: unknown }
    if (code === 'LEASE_LOST') return null
    throw error
  }
}

type CallOptions = Readonly<{ patience: number; signal: AbortSignal }>

async function storedSteps(server: Fermata, token: string, options: CallOptions): Promise<CompletedStep[]> {
  const found: CompletedStep[] = []
  for (let after: number | null = 0; after !== null;) {
    const { steps, next } = await server.getStoredSteps(token, { after, ...options })
    for (const { name, occurrence, status, result } of steps)
      if (status === 'completed') found.push({ name, occurrence, result: JSON.stringify(result) })
    after = next
  }
  return found
}

/** A program reports only steps that are done. */
function endedStep({ name, occurrence, attempts, took, ...ended }: StepReport): EndedStep {
  const step = { name, occurrence, attempts, took: took / 1_000 }
  return 'result' in ended
    ? { ...step, result: JSON.parse(ended.result) as unknown }
    : { ...step, error: { code: ended.error.code, message: ended.error.message } }
}

async function look(
  server: Fermata,
  token: string,
  { name, occurrence, schema, message, timeout, timedOut }: WaitRequest,
  options: CallOptions,
): Promise<WaitState> {
  const asked = {
    name,
    occurrence,
    message,
    schema: schema === null ? null : (JSON.parse(schema) as Record<string, unknown>),
    timeout: timeout === null ? null : timeout / 1_000,
    timed_out: timedOut,
  }
  const { status, answer, left, seen } = await server.lookAtWait(token, asked, options)
  if (status === 'answered') return { kind: 'answered', answer: JSON.stringify(answer) }
  if (status === 'timed_out') return { kind: 'timed-out' }
  return { kind: 'open', left: left === null ? null : left * 1_000, seen: seen ?? 0 }
}

function parkingOf({ wakeIn, awaits, over, left }: SleepRequest): Omit<Parking, 'checkpoint'> {
  return {
    ...(wakeIn === null ? {} : { wake_in: wakeIn / 1_000 }),
    ...(awaits === null ? {} : { awaits: { seen: awaits.seen, waits: [...awaits.waits] } }),
    sleeps: { over, left: left.map((ms) => ms / 1_000) },
  }
}

class ChildrenUnsupported extends TaskError {
  readonly code = 'CHILDREN_UNSUPPORTED'

  constructor() {
    super('Remote workers cannot start children. Submit tasks over the API instead.')
  }
}

function failure({ code, message }: ErrorRecord, retryable: boolean): Error {
  return Object.assign(new Error(message), { code, retryable })
}

function schemaOf(text: string): Record<string, unknown> {
  try {
    const schema: unknown = JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text)
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
      return schema as Record<string, unknown>
  } catch (error) {
    throw new ConfigInvalid(`--parameters cannot be read: ${(error as Error).message}`)
  }
  throw new ConfigInvalid('--parameters must be a JSON schema: {...} or @FILE.')
}

function whole(flag: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new ConfigInvalid(`${flag} must be a whole number from 1, not ${text}.`)
}

function duration(flag: string, text: string): number {
  const ms = parseDuration(/^\d+(\.\d+)?$/.test(text) ? Number(text) : text)
  if (ms !== undefined && ms > 0) return ms
  throw new ConfigInvalid(`${flag} must be a duration like "90s" or "10m", not ${text}.`)
}
