import type { Clock } from '../core/clock.ts'
import { withReason, type Caller, type Origin } from '../core/caller.ts'
import {
  AnswerInvalid,
  DocumentUnreadable,
  OptionsInvalid,
  StoreUnavailable,
  TaskUnknown,
} from '../core/errors.ts'
import type { Order } from '../core/filter.ts'
import type { Logger } from '../core/logger.ts'
import { isTerminal, type Json, type Task, type TaskId } from '../core/task.ts'
import {
  mustBeWaitName,
  WaitAnswered,
  waitLimits,
  WaitUnknown,
  TooManyWaits,
  type Question,
  type Wait,
  type WaitStatus,
} from '../core/wait.ts'
import { toJson } from '../execution/executors/json.ts'
import type { Journal } from '../journal/journal.ts'
import { publishNewest } from '../journal/newest.ts'
import { validatorOf } from '../registry/json-schema.ts'
import type { Registry } from '../registry/registry.ts'
import type { Store } from '../store/store.ts'
import { isOpenWait, type TaskWait } from '../store/wait-store.ts'
import { tokenHashOf } from '../store/wait-token.ts'
import { maySee, visible } from './limited.ts'
import { shownAnswer } from './redacting.ts'

/** A wait of a task for an answer. Times are Unix milliseconds. */
export type WaitInfo = Readonly<{
  id: TaskId
  type: string
  name: string
  /** Which use of the name it is in a run, from 1. */
  occurrence: number
  /** `early`: answered before a run came to it. `ended`: its task has ended without an answer. */
  status: WaitStatus | 'ended'
  /** Answers exactly this wait; null for callers who may not answer, and before a run has come to it. */
  token: string | null
  /** A JSON schema that the answer must fit; null for any. */
  schema: Question['schema']
  message: string | null
  createdAt: number
  expiresAt: number | null
  answeredAt: number | null
  answeredBy: string | null
  /** As text; null if there is none. */
  answer: Json | null
}>

/** `next`: the number after which the next page begins; null at the end. */
export type WaitList = Readonly<{ waits: readonly WaitInfo[]; next: number | null }>

export type WaitFilter = Readonly<{
  type?: string
  name?: string
  /** `open`: somebody must answer. Default: both. */
  state?: 'open' | 'closed'
}>

export type WaitListOptions = Readonly<{ order?: Order; after?: number; limit?: number }>

/** A wait that has its answer. */
export type WaitOutcome = Readonly<{ id: TaskId; name: string; occurrence: number; status: 'answered' }>

type Because = Readonly<{ reason?: string }>

/** Waits of tasks for answers, for one caller. */
export interface WaitsApi {
  /** A page of waits, the newest first. It can be short and still have a next one. */
  list(filter?: WaitFilter, options?: WaitListOptions): Promise<WaitList>
  /** A page of the waits of a task, in the order in which runs came to them. Throws `TaskUnknown`. */
  of(id: TaskId, options?: WaitListOptions): Promise<WaitList>
  /**
   * Answers the oldest open wait of this name. If no run has come to one, the answer is kept for the first. Throws `TaskUnknown`,
   * `WaitAnswered`, `WaitUnknown`, `AnswerInvalid` and `TooLarge`.
   */
  answer(id: TaskId, name: string, answer: unknown, options?: Because): Promise<WaitOutcome>
  /** Answers the wait with this token. Throws the same, without `TaskUnknown`. */
  answerToken(token: string, answer: unknown, options?: Because): Promise<WaitOutcome>
}

export type WaitsOptions = Readonly<{
  store: Store
  registry: Registry
  journal: Journal
  clock: Clock
  logger: Logger
  /** Aborts when the node has shut down. */
  closed: AbortSignal
}>

/** Waits that one page looks at. */
const scan = 500
/** Answers that find a wait that has just been opened or dropped try again. */
const mostTries = 5

type Shown = (wait: TaskWait) => Promise<WaitInfo>

export class Waits {
  readonly #options: WaitsOptions

  constructor(options: WaitsOptions) {
    this.#options = options
  }

  /** `seesAll`: sensitive values in answers too. */
  for(origin: Origin, seesAll: boolean): WaitsApi {
    const { caller } = origin
    const shown = (wait: TaskWait) => this.#shown(caller, wait, seesAll)
    return {
      list: (filter = {}, options = {}) => this.#list(caller, filter, options, shown),
      of: (id, options = {}) => this.#of(caller, id, options, shown),
      answer: (id, name, answer, { reason } = {}) =>
        this.#answer(withReason(origin, reason), id, name, answer),
      answerToken: (token, answer, { reason } = {}) =>
        this.#answerToken(withReason(origin, reason), token, answer),
    }
  }

  async #list(
    caller: Caller,
    { type, ...filter }: WaitFilter,
    { order = 'newest', after, limit = 100 }: WaitListOptions,
    shown: Shown,
  ): Promise<WaitList> {
    const tasks = visible(caller, type === undefined ? {} : { types: [type] })
    const query = { ...filter, filter: tasks, order, after: after ?? null, limit, scan }
    const { waits, next } = await this.#options.store.waits.list(query)
    return { waits: await Promise.all(waits.map(shown)), next }
  }

  async #of(caller: Caller, id: TaskId, options: WaitListOptions, shown: Shown): Promise<WaitList> {
    await this.#task(caller, id)
    const { order = 'oldest', after, limit = 100 } = options
    const query = { filter: {}, id, order, after: after ?? null, limit, scan }
    const { waits, next } = await this.#options.store.waits.list(query)
    return { waits: await Promise.all(waits.map(shown)), next }
  }

  async #answer(origin: Origin, id: TaskId, name: string, answer: unknown): Promise<WaitOutcome> {
    mustBeName(name)
    const text = toJson(answer, 'answer')
    const task = await this.#task(origin.caller, id)
    for (let tries = 1; ; tries++) {
      const query = { filter: {}, id, name, order: 'oldest', after: null } as const
      const most = waitLimits.waits
      const { waits } = await this.#options.store.waits.list({ ...query, limit: most, scan: most })
      const open = waits.find(({ wait }) => wait.status === 'open')
      const last = waits.at(-1)
      if (open === undefined && last !== undefined) throw new WaitAnswered(last.wait)
      const early = { name, occurrence: 1, task }
      const outcome =
        open === undefined
          ? await this.#give(origin, early, text, true)
          : await this.#checked(origin, open, text)
      if (outcome !== 'again') return outcome
      if (tries === mostTries) throw new WaitUnknown('task-gone')
    }
  }

  async #answerToken(origin: Origin, token: string, answer: unknown): Promise<WaitOutcome> {
    const text = toJson(answer, 'answer')
    const found = await this.#options.store.waits.find(tokenHashOf(token))
    if (found === null || !maySee(origin.caller, found.task)) throw new WaitUnknown('token')
    if (found.wait.status !== 'open') throw new WaitAnswered(found.wait)
    const outcome = await this.#checked(origin, found, text)
    if (outcome === 'again') throw new WaitUnknown('token')
    return outcome
  }

  async #checked(
    origin: Origin,
    { wait, task, unreadable }: TaskWait,
    text: Json,
  ): Promise<WaitOutcome | 'again'> {
    if (unreadable !== undefined) throw new DocumentUnreadable(task, unreadable)
    const { schema } = questionOf(wait)
    if (schema !== null) await mustFit(schema, text)
    return this.#give(origin, { ...wait, task }, text, false)
  }

  /** `again`: the wait was opened or dropped in the meantime. */
  async #give(
    origin: Origin,
    { name, occurrence, task }: Pick<Wait, 'name' | 'occurrence'> & Readonly<{ task: Task }>,
    answer: Json,
    early: boolean,
  ): Promise<WaitOutcome | 'again'> {
    const { id } = task
    if (isTerminal(task.status)) throw new WaitUnknown('task-ended', task.status)
    const by = origin.caller.name
    const request = { id, answer: { name, occurrence, answer, by, early } }
    const result = await this.#told(id, this.#options.store.waits.answer(request, origin))
    switch (result.kind) {
      case 'answered':
        this.#options.journal.publish([result.move])
        return { id, name, occurrence, status: 'answered' }
      case 'late':
        throw new WaitAnswered(result.wait)
      case 'ended':
        throw new WaitUnknown('task-ended', result.task.status)
      case 'unknown':
        throw new TaskUnknown(id)
      case 'full':
        throw new TooManyWaits()
      case 'opened':
      case 'gone':
        return 'again'
    }
  }

  /** It may have been recorded: code running here must learn of it. */
  async #told<T>(id: TaskId, written: Promise<T>): Promise<T> {
    try {
      return await written
    } catch (error) {
      if (error instanceof StoreUnavailable && error.unknown) void publishNewest(this.#options, id)
      throw error
    }
  }

  async #task(caller: Caller, id: TaskId): Promise<Task> {
    const task = await this.#options.store.get(id)
    if (task === null || !maySee(caller, task)) throw new TaskUnknown(id)
    return task
  }

  async #shown(caller: Caller, found: TaskWait, seesAll: boolean): Promise<WaitInfo> {
    const { wait, task, unreadable } = found
    if (unreadable !== undefined) throw new DocumentUnreadable(task, unreadable)
    const { name, occurrence, status, createdAt, expiresAt, answeredAt, answeredBy, answer } = wait
    const { token, schema, message } = questionOf(wait)
    const isHidden = answer !== null && !seesAll
    const { store, registry } = this.#options
    return {
      id: task.id,
      type: task.type,
      name,
      occurrence,
      status: status === 'open' && !isOpenWait(found) ? 'ended' : status,
      token: mayAnswer(caller) ? token : null,
      schema,
      message,
      createdAt,
      expiresAt,
      answeredAt,
      answeredBy,
      answer: isHidden ? await shownAnswer(answer, task, registry, (id) => store.read(id)) : answer,
    }
  }
}

/** The token lets nobody answer who could not: it is hidden from those who could not. */
function mayAnswer({ scopes }: Caller): boolean {
  return scopes.includes('control') || scopes.includes('admin')
}

function questionOf({ question }: Wait): Omit<Question, 'token'> & Readonly<{ token: string | null }> {
  return question === null ? { token: null, schema: null, message: null } : (JSON.parse(question) as Question)
}

/** Throws `AnswerInvalid`. */
async function mustFit(schema: Readonly<Record<string, unknown>>, answer: Json): Promise<void> {
  const validator = await validatorOf(schema, 'schema')
  const parsed = validator.safeParse(JSON.parse(answer))
  if (parsed.success) return
  throw new AnswerInvalid(
    parsed.error.issues.map(({ path, message }) => ({ path: ['answer', ...path].join('.'), message })),
  )
}

function mustBeName(name: string): void {
  try {
    mustBeWaitName(name)
  } catch (error) {
    throw new OptionsInvalid([{ path: 'name', message: (error as Error).message }])
  }
}
