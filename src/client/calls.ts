import { changes, taskEvents, type EventOptions } from './streams.ts'
import { Transport, type Call, type CallOptions, type ClientOptions } from './transport.ts'
import type {
  AnswerOf,
  BulkAction,
  Change,
  Draft,
  HistorySpan,
  ListOptions,
  OperationId,
  TaskEvent,
  TaskField,
  TaskFilter,
  TaskPage,
} from './types.ts'

/** Seconds that the server may wait before it answers, at most 60. */
export type WaitOptions = CallOptions & Readonly<{ wait?: number }>

/** One method for each call of the API, by the name of its operation. Each throws `FermataError`. */
export class Calls implements Record<OperationId, (...args: never[]) => unknown> {
  /** Of the server, without a slash at its end. */
  readonly url: string
  readonly #transport: Transport

  constructor(options: ClientOptions = {}) {
    this.#transport = new Transport(options)
    this.url = this.#transport.url
  }

  /**
   * Stores a task. It bears an idempotency key, made here unless the body has one, so that a submit whose answer was lost is
   * sent again without making a second task. With `wait` the answer has the result, if it is there by then.
   */
  submitTask(type: string, body: Draft, options: WaitOptions = {}): Promise<AnswerOf<'submitTask'>> {
    const keyed = { idempotency_key: newKey(), ...body }
    return this.#call('submitTask', { ...ofType(type), ...waiting(options, 0), body: keyed })
  }

  /** Stores up to 10,000 tasks, all or none. Each bears an idempotency key, as in `submitTask`. */
  submitBatch(
    type: string,
    tasks: readonly Draft[],
    options: CallOptions = {},
  ): Promise<AnswerOf<'submitBatch'>> {
    const key = newKey()
    const keyed = tasks.map((task, index) => ({ idempotency_key: `${key}-${index}`, ...task }))
    return this.#call('submitBatch', { ...ofType(type), ...options, body: { tasks: keyed } })
  }

  getTaskStatus(id: string, options: CallOptions = {}): Promise<AnswerOf<'getTaskStatus'>> {
    return this.#call('getTaskStatus', { ...ofTask(id), ...options })
  }

  /** Throws `RESULT_NOT_READY` when the task has not ended, nor does within `wait`. */
  getTaskResult(id: string, options: WaitOptions = {}): Promise<AnswerOf<'getTaskResult'>> {
    return this.#call('getTaskResult', { ...ofTask(id), ...waiting(options, 0) })
  }

  getTask(id: string, options: CallOptions = {}): Promise<AnswerOf<'getTask'>> {
    return this.#call('getTask', { ...ofTask(id), ...options })
  }

  /** Answers when the engine has acted on it, or after `wait` (2). Throws `CONTROL_REFUSED`. */
  pauseTask(id: string, options: WaitOptions = {}): Promise<AnswerOf<'pauseTask'>> {
    return this.#call('pauseTask', { ...ofTask(id), ...waiting(options) })
  }

  resumeTask(id: string, options: WaitOptions = {}): Promise<AnswerOf<'resumeTask'>> {
    return this.#call('resumeTask', { ...ofTask(id), ...waiting(options) })
  }

  cancelTask(id: string, options: WaitOptions = {}): Promise<AnswerOf<'cancelTask'>> {
    return this.#call('cancelTask', { ...ofTask(id), ...waiting(options) })
  }

  /** A failed or cancelled task once more, from its last checkpoint unless told otherwise. */
  retryTask(
    id: string,
    { from, ...options }: WaitOptions & Readonly<{ from?: 'checkpoint' | 'start' }> = {},
  ): Promise<AnswerOf<'retryTask'>> {
    const { query, ...rest } = waiting(options)
    return this.#call('retryTask', { ...ofTask(id), ...rest, query: { ...query, from } })
  }

  /** What happens to a task, until it has ended; see `TaskHandle.events`. */
  streamTaskEvents(id: string, options: EventOptions = {}): AsyncGenerator<TaskEvent, void, undefined> {
    return taskEvents(this.#transport, id, options)
  }

  getTaskLog(
    id: string,
    { after, limit, ...options }: CallOptions & Readonly<{ after?: number; limit?: number }> = {},
  ): Promise<AnswerOf<'getTaskLog'>> {
    return this.#call('getTaskLog', { ...ofTask(id), ...options, query: { after, limit } })
  }

  /** Why the task does not run now, and when it will. */
  explainTask(id: string, options: CallOptions = {}): Promise<AnswerOf<'explainTask'>> {
    return this.#call('explainTask', { ...ofTask(id), ...options })
  }

  /** Deletes the record of a task that has ended. */
  purgeTask(id: string, options: CallOptions = {}): Promise<AnswerOf<'purgeTask'>> {
    return this.#call('purgeTask', { ...ofTask(id), ...options })
  }

  /** One page; `Fermata.tasks` walks over all of them. */
  listTasks<Field extends TaskField = TaskField>(
    query: ListOptions<Field> = {},
    options: CallOptions = {},
  ): Promise<TaskPage<Field>> {
    return this.#call('listTasks', { query, ...options }) as Promise<TaskPage<Field>>
  }

  /** All tasks of a filter as they change; see `Fermata.changes`. */
  streamChanges(filter: TaskFilter = {}, options: CallOptions = {}): AsyncGenerator<Change, void, undefined> {
    return changes(this.#transport, filter, options)
  }

  /** Acts on all tasks of a filter. The operation has ended, unless its status is `running`. */
  bulk(
    action: BulkAction,
    filter: TaskFilter,
    { dryRun = false, ...options }: WaitOptions & Readonly<{ dryRun?: boolean }> = {},
  ): Promise<AnswerOf<'bulk'>> {
    return this.#call('bulk', { ...waiting(options), body: { action, filter, dry_run: dryRun } })
  }

  getOperation(id: string, options: CallOptions = {}): Promise<AnswerOf<'getOperation'>> {
    return this.#call('getOperation', { params: { operation_id: id }, ...options })
  }

  cancelOperation(id: string, options: CallOptions = {}): Promise<AnswerOf<'cancelOperation'>> {
    return this.#call('cancelOperation', { params: { operation_id: id }, ...options })
  }

  listTypes(options: CallOptions = {}): Promise<AnswerOf<'listTypes'>> {
    return this.#call('listTypes', options)
  }

  getType(type: string, options: CallOptions = {}): Promise<AnswerOf<'getType'>> {
    return this.#call('getType', { ...ofType(type), ...options })
  }

  /** Nothing of the type starts any more, until it is released. */
  holdType(type: string, options: CallOptions = {}): Promise<AnswerOf<'holdType'>> {
    return this.#call('holdType', { ...ofType(type), ...options })
  }

  releaseType(type: string, options: CallOptions = {}): Promise<AnswerOf<'releaseType'>> {
    return this.#call('releaseType', { ...ofType(type), ...options })
  }

  getIndex(options: CallOptions = {}): Promise<AnswerOf<'getIndex'>> {
    return this.#call('getIndex', options)
  }

  getStats(options: CallOptions = {}): Promise<AnswerOf<'getStats'>> {
    return this.#call('getStats', options)
  }

  /** The figures of the last hour, or the last day. */
  getHistory({ span, ...options }: CallOptions & Readonly<{ span?: HistorySpan }> = {}): Promise<
    AnswerOf<'getHistory'>
  > {
    return this.#call('getHistory', { ...options, query: { span } })
  }

  listNodes(options: CallOptions = {}): Promise<AnswerOf<'listNodes'>> {
    return this.#call('listNodes', options)
  }

  /** Asks once, whatever the patience. */
  getHealth(options: CallOptions = {}): Promise<AnswerOf<'getHealth'>> {
    return this.#call('getHealth', options)
  }

  /** Asks once, whatever the patience. Throws `NOT_READY`. */
  getReadiness(options: CallOptions = {}): Promise<AnswerOf<'getReadiness'>> {
    return this.#call('getReadiness', options)
  }

  #call<Id extends OperationId>(operation: Id, call: Omit<Call, 'operation'>): Promise<AnswerOf<Id>> {
    return this.#transport.json({ ...call, operation }) as Promise<AnswerOf<Id>>
  }
}

const ofTask = (id: string) => ({ params: { task_id: id } })
const ofType = (type: string) => ({ params: { task_type: type } })

/** `usual`: seconds that the server waits by itself. */
function waiting({ wait, ...options }: WaitOptions, usual = 2) {
  const query = wait === undefined ? {} : { wait: Math.round(wait * 1_000) / 1_000 }
  return { ...options, query, wait: wait ?? usual }
}

/** Random enough never to be met again; also where a page is not served over TLS, and has no `randomUUID`. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
