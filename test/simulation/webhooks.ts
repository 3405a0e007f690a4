import { isDeepStrictEqual } from 'node:util'
import type { Status, TaskId } from '../../src/core/task.ts'
import type { Send, Sent } from '../../src/delivery/sender.ts'
import type { WebhookDraft } from '../../src/engine/webhooks.ts'
import type { Store, TaskRecord } from '../../src/store/store.ts'
import { Chance } from '../support/chance.ts'
import type { Step } from './handlers.ts'
import type { Happening, Setting, SubmitDraft } from './script.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

/** How the receivers of a world behave until the faults stop. `slow`: milliseconds for which they may think. */
export type SimulatedReceivers = Readonly<{ failing: number; slow: number }>

/** In every eighth world, webhooks are told of all tasks. */
export function receiversOf(chance: Chance): SimulatedReceivers | null {
  if (chance.between(1, 8) > 1) return null
  return { failing: chance.of([0, 0.1, 0.4])!, slow: chance.of([20, 2_000, 14_000])! }
}

/** The types of which each webhook is told: one of all, one of a single type. */
export const hooks: readonly (readonly string[] | null)[] = [null, ['inline']]

/** Many tasks to which much happens while their first messages are being sent, and then nodes die. */
export function withCrowds(chance: Chance, { length, machines }: Setting): readonly Happening[] {
  const at = chance.between(500, Math.max(500, length >> 1))
  const steps: readonly Step[] = [
    ['sleep', chance.of([1, 20, 100])!],
    ['throw', 3],
  ]
  const draft: SubmitDraft = {
    type: chance.of(['inline', 'limited'])!,
    steps,
    priority: 0,
    maxAttempts: chance.between(2, 4),
    backoff: 0,
  }
  const drafts = Array.from({ length: chance.between(4, 14) }, () => draft)
  const died = Math.min(length, at + chance.between(1, 8_000))
  const kills = Array.from({ length: machines }, (_, machine): Happening[] =>
    chance.next() < 0.7 ? [{ at: died, kind: 'kill', machine, restartIn: chance.between(1, 3_000) }] : [],
  )
  return [{ at, kind: 'submit', node: chance.between(0, 99), drafts, waits: false }, ...kills.flat()]
}

type Hook = {
  id: string
  types: readonly string[] | null
  /** What happened to tasks up to these versions may have been before the webhook. */
  before: ReadonlyMap<TaskId, number>
}

/** Messages that a receiver has accepted: `task version`. */
type Accepted = Set<string>

export type WitnessOptions = Readonly<{
  receivers: SimulatedReceivers
  seed: number
  time: VirtualTime
  /** What has been committed of a task; as it was last, if it is deleted. */
  recordOf: (id: TaskId) => TaskRecord | undefined
  ids: () => Iterable<TaskId>
  fail: (message: string) => void
  trace: (line: () => string) => void
}>

/**
 * All receivers of a world, and what they must be told: every change of a status since the answer that acknowledged the webhook, and nothing
 * that was not committed, each at least once, and those of a task in order.
 */
export class WebhookWitness {
  isCalm = false
  readonly #options: WitnessOptions
  /** Acknowledged webhooks, by the path of their URL. */
  readonly #hooks = new Map<string, Hook>()
  readonly #accepted = new Map<string, Accepted>()
  readonly #attempts = new Map<string, number>()
  #drafts = 0

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  get isComplete(): boolean {
    return this.#hooks.size === hooks.length
  }

  /** A webhook that is not acknowledged yet; each try has another URL. */
  missing(): readonly Readonly<{ draft: WebhookDraft; created: (id: string) => void }>[] {
    const known = new Set([...this.#hooks.values()].map(({ types }) => types))
    return hooks
      .filter((types) => !known.has(types))
      .map((types) => {
        const path = `/${++this.#drafts}`
        return {
          draft: { url: `https://receiver.example${path}`, events: ['task.*'], types },
          created: (id) => {
            if ([...this.#hooks.values()].some((hook) => hook.types === types)) return
            const before = new Map([...this.#options.ids()].map((task) => [task, this.#versionOf(task)]))
            this.#hooks.set(path, { id, types, before })
          },
        }
      })
  }

  /** How this process sends. */
  sender(process: SimulatedProcess): Send {
    const { time, trace } = this.#options
    return ({ url, id, body }, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<Sent>()
      const path = new URL(url).pathname
      const number = (this.#attempts.get(path + id) ?? 0) + 1
      this.#attempts.set(path + id, number)
      const { answer, thinks, arrives } = this.#fateOf(path + id, number)
      trace(() => `${process.name} sends ${id} to ${path} (${number}): ${answer}`)
      if (arrives) time.after(5, () => this.#received(path, body, answer === 'ok'))
      time.after(thinks, () => process.enter('main', 'receiver', () => resolve(answers[answer])))
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      return promise
    }
  }

  /** The first message that did not arrive; undefined if all have. */
  lacks(): string | undefined {
    for (const [path, hook] of this.#hooks) {
      for (const id of this.#options.ids()) {
        for (const { version, status } of this.#toldOf(hook, id)) {
          if (!this.#hasAccepted(path, id, version))
            return `${path} was not told that ${id} is ${status} (v${version})`
        }
      }
    }
    return undefined
  }

  /** Once all is quiet: each event has one delivery for each webhook. */
  async stored({ webhooks }: Store): Promise<string | undefined> {
    for (const hook of this.#hooks.values()) {
      const found: string[] = []
      for (let before: number | null = null; ;) {
        const page = await webhooks.deliveries({ webhookId: hook.id, before, limit: 1_000 })
        for (const { taskId, version, status } of page) {
          if (status !== 'delivered') return `the delivery of ${taskId} v${version} stays ${status}`
          if (version > (hook.before.get(taskId!) ?? 0)) found.push(`${taskId} ${version}`)
        }
        if (page.length < 1_000) break
        before = page.at(-1)!.number
      }
      const told = [...this.#options.ids()].flatMap((id) =>
        this.#toldOf(hook, id).map(({ version }) => `${id} ${version}`),
      )
      const [is, must] = [found.toSorted(), told.toSorted()]
      if (isDeepStrictEqual(is, must)) continue
      const twice = is.find((one, index) => one === is[index + 1])
      if (twice !== undefined) return `${twice} has two deliveries to one webhook`
      return `deliveries are ${is.length}, but ${must.length} events are told`
    }
    return undefined
  }

  #fateOf(message: string, number: number): Readonly<{ answer: Answer; thinks: number; arrives: boolean }> {
    const { receivers, seed } = this.#options
    if (this.isCalm) return { answer: 'ok', thinks: 10, arrives: true }
    // Not from the order in which messages are sent, which nothing promises.
    const chance = new Chance(hashOf(`${seed} ${message} ${number}`))
    const thinks = chance.between(5, receivers.slow)
    // The third attempt succeeds, so that none waits for minutes.
    if (number > 2 || chance.next() >= receivers.failing) return { answer: 'ok', thinks, arrives: true }
    const answer = chance.of<Answer>(['refused', 'unheard', 'timeout', 'busy'])!
    return {
      answer,
      thinks: answer === 'timeout' ? 15_000 : thinks,
      arrives: answer === 'unheard' || answer === 'busy',
    }
  }

  #received(path: string, body: string, accepts: boolean): void {
    const { type, data } = JSON.parse(body) as {
      type: string
      data: { task_id: TaskId; version: number; status: Status }
    }
    const { task_id: id, version, status } = data
    const { fail, recordOf } = this.#options
    const entry = recordOf(id)?.timeline.find((one) => one.version === version)
    if (entry?.status !== status || type !== `task.${status}`)
      return fail(`${path} is told that ${id} is ${status} (v${version}), which was not committed`)
    const hook = this.#hooks.get(path)
    const earlier = hook === undefined ? [] : this.#toldOf(hook, id).filter((one) => one.version < version)
    const skipped = earlier.find((one) => !this.#hasAccepted(path, id, one.version))
    if (skipped !== undefined)
      return fail(
        `${path} is told of ${id} v${version} before v${skipped.version}, which it has not accepted`,
      )
    if (!accepts) return
    const accepted = this.#accepted.get(path) ?? new Set()
    this.#accepted.set(path, accepted.add(`${id} ${version}`))
  }

  #hasAccepted(path: string, id: TaskId, version: number): boolean {
    return this.#accepted.get(path)?.has(`${id} ${version}`) === true
  }

  #versionOf(id: TaskId): number {
    return this.#options.recordOf(id)?.task.version ?? 0
  }

  /** Of a task: what its status became since the webhook exists. */
  #toldOf({ types, before }: Hook, id: TaskId): readonly Readonly<{ version: number; status: Status }>[] {
    const record = this.#options.recordOf(id)
    if (record === undefined || (types !== null && !types.includes(record.task.type))) return []
    const since = before.get(id) ?? 0
    return record.timeline.filter(
      ({ version, status }, index, all) => version > since && all[index - 1]?.status !== status,
    )
  }
}

/** `unheard`: it took the message, and the sender never heard of it. */
type Answer = 'ok' | 'refused' | 'unheard' | 'timeout' | 'busy'

const failed = (error: string, status: number | null = null): Sent => ({ status, error, retryAfter: null })

const answers: Readonly<Record<Answer, Sent>> = {
  ok: { status: 204, error: null, retryAfter: null },
  refused: failed('the connection was refused'),
  unheard: failed('the connection was lost'),
  timeout: failed('the receiver did not answer in time'),
  busy: { ...failed('the receiver answered 503', 503), retryAfter: 7_000 },
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
