import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Shown, Witness, Witnessed } from '../crash/witness.ts'
import { stepped } from '../fixtures/chaos.ts'
import type { Chance } from '../support/chance.ts'
import { call, look, type Reached } from './calls.ts'
import type { Somewhere } from './checks.ts'

type Draft = Readonly<{ key: string; parameters: Readonly<{ seed: number; steps: number; ms: number }> }>
type Unanswered = Readonly<{ type: 'walk' | 'narrow'; drafts: readonly Draft[] }>

export type Load = Readonly<{
  witness: Witness
  chance: Chance
  name: string
  somewhere: Somewhere
  /** Whether the queue is long enough for a minute of work: nothing more is submitted. */
  full: () => boolean
}>

/**
 * A client of the cluster. It submits single tasks and batches, and reads, pauses, resumes and cancels its own tasks, each
 * time through a random node. A submit without a response is repeated with the same key until there is one.
 */
export class Client {
  readonly #load: Load
  readonly #mine: Witnessed[] = []
  #unanswered: Unanswered | undefined
  #keys = 0
  calls = 0
  away = 0
  doubts = 0
  /** Controls that were answered. */
  controls = 0

  constructor(load: Load) {
    this.#load = load
  }

  async work(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#step()
      await sleep(this.#load.chance.between(0, 30))
    }
  }

  /** Repeats the unanswered submit until it is answered. */
  async settle(): Promise<void> {
    while (this.#unanswered !== undefined) {
      await this.#submit()
      await sleep(50)
    }
  }

  async #step(): Promise<void> {
    const { chance, full } = this.#load
    const dice = chance.next()
    const task = chance.of(this.#mine.slice(-60))
    if (this.#unanswered !== undefined || (dice < 0.3 && !full()) || task === undefined) {
      this.#unanswered ??= this.#draft()
      await this.#submit()
    } else if (dice < 0.6) await this.#look(task)
    else if (task.inDoubt) return
    else if (dice < 0.78) await this.#control(task, 'pause')
    else if (dice < 0.96) await this.#control(task, 'resume')
    else await this.#control(task, 'cancel')
  }

  #draft(): Unanswered {
    const { chance, name } = this.#load
    const count = chance.next() < 0.5 ? 1 : chance.between(2, 20)
    const drafts = Array.from({ length: count }, () => ({
      key: `${name}-${++this.#keys}`,
      parameters: { seed: chance.between(0, 999), steps: chance.between(1, 12), ms: chance.between(5, 60) },
    }))
    return { type: chance.next() < 0.15 ? 'narrow' : 'walk', drafts }
  }

  async #submit(): Promise<void> {
    const { type, drafts } = this.#unanswered!
    const bodies = drafts.map(({ key, parameters }) => ({ parameters, idempotency_key: key }))
    const answer =
      bodies.length === 1
        ? await this.#call('POST', `/api/run/${type}`, bodies[0])
        : await this.#call('POST', `/api/run/${type}/batch`, { tasks: bodies })
    if (answer.kind !== 'answered') return
    assert.equal(answer.status, 200, `a submit was answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    const { task_id: id, task_ids: ids = [id] } = answer.body as { task_id?: string; task_ids?: string[] }
    assert.equal(ids.length, drafts.length)
    for (const [index, { parameters }] of drafts.entries()) {
      const right = resultOf(parameters)
      this.#mine.push(this.#load.witness.acknowledged(ids[index]!, type, (result) => result === right))
    }
    this.#unanswered = undefined
  }

  async #look(task: Witnessed): Promise<void> {
    const { witness, somewhere } = this.#load
    const url = somewhere()
    const shown = url === undefined ? 'away' : await look(url, task.id)
    if (shown === 'away') return
    witness.check(task, shown, false)
    // Only this client resumes it.
    if (task.requestedControl === 'pause' && task.told === 'paused' && !task.inDoubt) {
      assert.equal(shown?.status, 'paused', `its pause is lost: ${JSON.stringify(shown)}`)
    }
  }

  async #control(task: Witnessed, control: 'pause' | 'resume' | 'cancel'): Promise<void> {
    const path = control === 'cancel' ? '' : `/${control}`
    const method = control === 'cancel' ? 'DELETE' : 'POST'
    const answer = await this.#call(method, `/api/task/${task.id}${path}`)
    if (answer.kind === 'refused') return
    if (answer.kind === 'unanswered') {
      // A node may still execute it when it wakes: from now on, the requested control is unknown.
      task.inDoubt = true
      this.doubts += 1
      return
    }
    if (answer.status === 400) return
    assert.equal(
      answer.status,
      200,
      `a ${control} was answered ${answer.status}: ${JSON.stringify(answer.body)}`,
    )
    this.controls += 1
    task.requestedControl = control === 'resume' ? 'none' : control
    task.told = String((answer.body as Partial<Shown>).status)
  }

  async #call(method: string, path: string, body?: unknown): Promise<Reached> {
    const url = this.#load.somewhere()
    this.calls += 1
    const answer = url === undefined ? ({ kind: 'refused' } as const) : await call(url, method, path, body)
    if (answer.kind === 'refused') this.away += 1
    return answer
  }
}

function resultOf({ seed, steps }: Draft['parameters']): number {
  let sum = seed
  for (let step = 0; step < steps; step++) sum = stepped(sum, step)
  return sum
}
