import { changes, taskEvents, type EventOptions } from './streams.ts'
import { Transport, type Call, type CallOptions, type ClientOptions } from './transport.ts'
import type {
  AnswerOf,
  AuditQuery,
  FailuresQuery,
  BackfillRange,
  Beat,
  BucketQuery,
  BulkAction,
  Change,
  Draft,
  Failure,
  HistorySpan,
  KeyDraft,
  LimitDraft,
  WaitFilter,
  DeliveryQuery,
  Redelivery,
  WebhookDraft,
  WebhookRotation,
  ListOptions,
  Look,
  OperationId,
  Parking,
  RunsQuery,
  ScheduleDraft,
  TaskEvent,
  TaskField,
  TaskFilter,
  TaskPage,
  WorkerTypeDraft,
} from './types.ts'

/** Maximum seconds that the server may wait before it responds, up to 60. */
export type WaitOptions = CallOptions & Readonly<{ wait?: number }>

/** `reason`: why, for the audit log. */
export type ReasonOptions = CallOptions & Readonly<{ reason?: string }>

/** `reason`: why, for the timeline and the audit log. */
export type ControlOptions = WaitOptions & Readonly<{ reason?: string }>

/** One method per API call, named after its operation. Each throws `FermataError`. */
export class Calls implements Record<OperationId, (...args: never[]) => unknown> {
  /** URL of the server, without a trailing slash. */
  readonly url: string
  readonly #transport: Transport

  constructor(options: ClientOptions = {}) {
    this.#transport = new Transport(options)
    this.url = this.#transport.url
  }

  /**
   * Submits a task. It has an idempotency key, generated here unless the body has one, so a submit whose response was lost
   * can be sent again without creating a second task. With `wait`, the response includes the result if it is ready by then.
   */
  submitTask(type: string, body: Draft, options: WaitOptions = {}): Promise<AnswerOf<'submitTask'>> {
    const keyed = { idempotency_key: newKey(), ...body }
    return this.#call('submitTask', { ...ofType(type), ...waiting(options, 0), body: keyed })
  }

  /** Submits up to 10,000 tasks, all or nothing. Each has an idempotency key, as in `submitTask`. */
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

  /** Throws `RESULT_NOT_READY` if the task has not finished, even within `wait`. */
  getTaskResult(id: string, options: WaitOptions = {}): Promise<AnswerOf<'getTaskResult'>> {
    return this.#call('getTaskResult', { ...ofTask(id), ...waiting(options, 0) })
  }

  getTask(id: string, options: CallOptions = {}): Promise<AnswerOf<'getTask'>> {
    return this.#call('getTask', { ...ofTask(id), ...options })
  }

  /** Resolves when the control has taken effect, or after `wait` seconds (2). Throws `CONTROL_REFUSED`. */
  pauseTask(id: string, options: ControlOptions = {}): Promise<AnswerOf<'pauseTask'>> {
    return this.#call('pauseTask', { ...ofTask(id), ...controlling(options) })
  }

  resumeTask(id: string, options: ControlOptions = {}): Promise<AnswerOf<'resumeTask'>> {
    return this.#call('resumeTask', { ...ofTask(id), ...controlling(options) })
  }

  cancelTask(id: string, options: ControlOptions = {}): Promise<AnswerOf<'cancelTask'>> {
    return this.#call('cancelTask', { ...ofTask(id), ...controlling(options) })
  }

  /** Runs a failed or cancelled task again, from its last checkpoint by default. */
  retryTask(
    id: string,
    { from, ...options }: ControlOptions & Readonly<{ from?: 'checkpoint' | 'start' }> = {},
  ): Promise<AnswerOf<'retryTask'>> {
    const { query, ...rest } = controlling(options)
    return this.#call('retryTask', { ...ofTask(id), ...rest, query: { ...query, from } })
  }

  /** Streams the events of a task until it has finished; see `TaskHandle.events`. */
  streamTaskEvents(id: string, options: EventOptions = {}): AsyncGenerator<TaskEvent, void, undefined> {
    return taskEvents(this.#transport, id, options)
  }

  getTaskLog(
    id: string,
    { after, limit, ...options }: CallOptions & Readonly<{ after?: number; limit?: number }> = {},
  ): Promise<AnswerOf<'getTaskLog'>> {
    return this.#call('getTaskLog', { ...ofTask(id), ...options, query: { after, limit } })
  }

  /** One page of the steps of a task; `TaskHandle.steps` iterates over all of them. */
  getTaskSteps(
    id: string,
    { limit, cursor, ...options }: CallOptions & Readonly<{ limit?: number; cursor?: string }> = {},
  ): Promise<AnswerOf<'getTaskSteps'>> {
    return this.#call('getTaskSteps', { ...ofTask(id), ...options, query: { limit, cursor } })
  }

  /** Its parent, one page of its children, and the tasks that wait for each other with it. */
  getTaskFamily(
    id: string,
    { limit, cursor, ...options }: CallOptions & Readonly<{ limit?: number; cursor?: string }> = {},
  ): Promise<AnswerOf<'getTaskFamily'>> {
    return this.#call('getTaskFamily', { ...ofTask(id), ...options, query: { limit, cursor } })
  }

  /** One page of waits for answers, the newest first; `status: 'open'` leaves those that somebody must answer. */
  listWaits({ type, name, status, limit, cursor, ...options }: CallOptions & WaitFilter = {}): Promise<
    AnswerOf<'listWaits'>
  > {
    return this.#call('listWaits', { ...options, query: { type, name, status, limit, cursor } })
  }

  /** One page of the waits of a task; `TaskHandle.waits` iterates over all of them. */
  getTaskWaits(
    id: string,
    { limit, cursor, ...options }: CallOptions & Readonly<{ limit?: number; cursor?: string }> = {},
  ): Promise<AnswerOf<'getTaskWaits'>> {
    return this.#call('getTaskWaits', { ...ofTask(id), ...options, query: { limit, cursor } })
  }

  /**
   * Answers the oldest open wait of this name, or the first one before the task comes to it. Throws `WAIT_ANSWERED`, `WAIT_UNKNOWN` once the
   * task has ended, and `ANSWER_INVALID`.
   */
  answerTask(
    id: string,
    name: string,
    answer: unknown,
    options: ReasonOptions = {},
  ): Promise<AnswerOf<'answerTask'>> {
    const params = { task_id: id, wait_name: name }
    return this.#call('answerTask', { params, ...queried(options), body: { answer } })
  }

  /** Answers the wait with this token. Throws the same. */
  answerWait(token: string, answer: unknown, options: ReasonOptions = {}): Promise<AnswerOf<'answerWait'>> {
    return this.#call('answerWait', { params: { token }, ...queried(options), body: { answer } })
  }

  /** Explains why the task is not running now, and when it will. */
  explainTask(id: string, options: CallOptions = {}): Promise<AnswerOf<'explainTask'>> {
    return this.#call('explainTask', { ...ofTask(id), ...options })
  }

  /** Deletes a finished task. */
  purgeTask(id: string, options: ReasonOptions = {}): Promise<AnswerOf<'purgeTask'>> {
    return this.#call('purgeTask', { ...ofTask(id), ...because(options) })
  }

  /** One page; `Fermata.tasks` iterates over all of them. */
  listTasks<Field extends TaskField = TaskField>(
    query: ListOptions<Field> = {},
    options: CallOptions = {},
  ): Promise<TaskPage<Field>> {
    return this.#call('listTasks', { query, ...options }) as Promise<TaskPage<Field>>
  }

  /** Failed tasks by what their failures have in common, the latest failure first. */
  listFailures(query: FailuresQuery = {}, options: CallOptions = {}): Promise<AnswerOf<'listFailures'>> {
    return this.#call('listFailures', { query, ...options })
  }

  /** What tasks did in a time: those that existed in it, with their statuses over time, at most 2,000. */
  listRuns(query: RunsQuery = {}, options: CallOptions = {}): Promise<AnswerOf<'listRuns'>> {
    return this.#call('listRuns', { query, ...options })
  }

  /** Streams changes of all tasks that match a filter; see `Fermata.changes`. */
  streamChanges(filter: TaskFilter = {}, options: CallOptions = {}): AsyncGenerator<Change, void, undefined> {
    return changes(this.#transport, filter, options)
  }

  /** Acts on all tasks that match a filter. The operation has finished unless its status is `running`. */
  bulk(
    action: BulkAction,
    filter: TaskFilter,
    { dryRun = false, reason, ...options }: ControlOptions & Readonly<{ dryRun?: boolean }> = {},
  ): Promise<AnswerOf<'bulk'>> {
    const body = { action, filter, dry_run: dryRun, ...(reason === undefined ? {} : { reason }) }
    return this.#call('bulk', { ...waiting(options), body })
  }

  getOperation(id: string, options: CallOptions = {}): Promise<AnswerOf<'getOperation'>> {
    return this.#call('getOperation', { params: { operation_id: id }, ...options })
  }

  cancelOperation(id: string, options: ReasonOptions = {}): Promise<AnswerOf<'cancelOperation'>> {
    return this.#call('cancelOperation', { params: { operation_id: id }, ...because(options) })
  }

  listTypes(options: CallOptions = {}): Promise<AnswerOf<'listTypes'>> {
    return this.#call('listTypes', options)
  }

  getType(type: string, options: CallOptions = {}): Promise<AnswerOf<'getType'>> {
    return this.#call('getType', { ...ofType(type), ...options })
  }

  /** Stops starting tasks of the type until it is released. */
  holdType(type: string, options: ReasonOptions = {}): Promise<AnswerOf<'holdType'>> {
    return this.#call('holdType', { ...ofType(type), ...because(options) })
  }

  releaseType(type: string, options: ReasonOptions = {}): Promise<AnswerOf<'releaseType'>> {
    return this.#call('releaseType', { ...ofType(type), ...because(options) })
  }

  /** When a schedule would tick, without creating it. */
  previewSchedule(schedule: ScheduleDraft, options: CallOptions = {}): Promise<AnswerOf<'previewSchedule'>> {
    return this.#call('previewSchedule', { ...options, body: schedule })
  }

  /** Creates a schedule, which submits one task at each tick. Throws `SCHEDULE_EXISTS`. */
  createSchedule(schedule: ScheduleDraft, options: CallOptions = {}): Promise<AnswerOf<'createSchedule'>> {
    return this.#call('createSchedule', { ...options, body: schedule })
  }

  /** One page, by id; each schedule has its next three ticks. */
  listSchedules({
    limit,
    cursor,
    ...options
  }: CallOptions & Readonly<{ limit?: number; cursor?: string }> = {}): Promise<AnswerOf<'listSchedules'>> {
    return this.#call('listSchedules', { ...options, query: { limit, cursor } })
  }

  getSchedule(id: string, options: CallOptions = {}): Promise<AnswerOf<'getSchedule'>> {
    return this.#call('getSchedule', { ...ofSchedule(id), ...options })
  }

  /** Replaces everything about a schedule, except whether it is paused, unless `paused` is given. */
  replaceSchedule(
    id: string,
    schedule: ScheduleDraft,
    options: CallOptions = {},
  ): Promise<AnswerOf<'replaceSchedule'>> {
    return this.#call('replaceSchedule', { ...ofSchedule(id), ...options, body: schedule })
  }

  /** Deletes the schedule; its tasks remain. */
  async deleteSchedule(id: string, options: CallOptions = {}): Promise<void> {
    await this.#call('deleteSchedule', { ...ofSchedule(id), ...options })
  }

  pauseSchedule(
    id: string,
    { reason, ...options }: CallOptions & Readonly<{ reason?: string }> = {},
  ): Promise<AnswerOf<'pauseSchedule'>> {
    return this.#call('pauseSchedule', { ...ofSchedule(id), ...options, query: { reason } })
  }

  resumeSchedule(id: string, options: CallOptions = {}): Promise<AnswerOf<'resumeSchedule'>> {
    return this.#call('resumeSchedule', { ...ofSchedule(id), ...options })
  }

  /** Submits a task of the schedule now, also while it is paused. */
  runSchedule(id: string, options: CallOptions = {}): Promise<AnswerOf<'runSchedule'>> {
    return this.#call('runSchedule', { ...ofSchedule(id), ...options })
  }

  /** Runs the ticks of a past range that have no task yet. Repeating it adds nothing. */
  backfillSchedule(
    id: string,
    range: BackfillRange,
    options: CallOptions = {},
  ): Promise<AnswerOf<'backfillSchedule'>> {
    return this.#call('backfillSchedule', { ...ofSchedule(id), ...options, body: range })
  }

  /** What became of each tick, newest first. */
  listTicks(
    id: string,
    { limit, cursor, ...options }: CallOptions & Readonly<{ limit?: number; cursor?: string }> = {},
  ): Promise<AnswerOf<'listTicks'>> {
    return this.#call('listTicks', { ...ofSchedule(id), ...options, query: { limit, cursor } })
  }

  /** All limits, with what is in use. */
  listLimits(options: CallOptions = {}): Promise<AnswerOf<'listLimits'>> {
    return this.#call('listLimits', options)
  }

  /** Throws `LIMIT_UNKNOWN`. */
  getLimit(name: string, options: CallOptions = {}): Promise<AnswerOf<'getLimit'>> {
    return this.#call('getLimit', { ...ofLimit(name), ...options })
  }

  /** Creates or replaces a limit; the next start goes by it. */
  setLimit(name: string, limit: LimitDraft, options: ReasonOptions = {}): Promise<AnswerOf<'setLimit'>> {
    return this.#call('setLimit', { ...ofLimit(name), ...queried(options), body: limit })
  }

  /** Tasks are no longer held back by it. Throws `LIMIT_UNKNOWN`. */
  async deleteLimit(name: string, options: ReasonOptions = {}): Promise<void> {
    await this.#call('deleteLimit', { ...ofLimit(name), ...queried(options) })
  }

  /** Keys of a limit that are in use or waited for, in order. */
  listBuckets(
    name: string,
    query: BucketQuery = {},
    options: CallOptions = {},
  ): Promise<AnswerOf<'listBuckets'>> {
    const { blocked, ...same } = query
    const asked = blocked === undefined ? same : { ...same, blocked: String(blocked) }
    return this.#call('listBuckets', { ...ofLimit(name), ...options, query: asked })
  }

  /** Its answer alone has the secret. */
  createWebhook(webhook: WebhookDraft, options: CallOptions = {}): Promise<AnswerOf<'createWebhook'>> {
    return this.#call('createWebhook', { ...options, body: webhook })
  }

  listWebhooks(options: CallOptions = {}): Promise<AnswerOf<'listWebhooks'>> {
    return this.#call('listWebhooks', options)
  }

  /** Throws `WEBHOOK_UNKNOWN`, as the calls after it do. */
  getWebhook(id: string, options: CallOptions = {}): Promise<AnswerOf<'getWebhook'>> {
    return this.#call('getWebhook', { ...ofWebhook(id), ...options })
  }

  /** Replaces all but its secret; `paused` is kept unless it is given. */
  replaceWebhook(
    id: string,
    webhook: WebhookDraft,
    options: CallOptions = {},
  ): Promise<AnswerOf<'replaceWebhook'>> {
    return this.#call('replaceWebhook', { ...ofWebhook(id), ...options, body: webhook })
  }

  async deleteWebhook(id: string, options: ReasonOptions = {}): Promise<void> {
    await this.#call('deleteWebhook', { ...ofWebhook(id), ...queried(options) })
  }

  /** Its answer alone has the new secret. */
  rotateWebhook(
    id: string,
    rotation: WebhookRotation = {},
    options: CallOptions = {},
  ): Promise<AnswerOf<'rotateWebhook'>> {
    return this.#call('rotateWebhook', { ...ofWebhook(id), ...options, body: rotation })
  }

  /** Sends a message that is about no task. */
  testWebhook(id: string, options: CallOptions = {}): Promise<AnswerOf<'testWebhook'>> {
    return this.#call('testWebhook', { ...ofWebhook(id), ...options })
  }

  /** Sends one delivery again, or the dead ones of a time. Throws `DELIVERY_UNKNOWN`. */
  redeliver(id: string, which: Redelivery, options: CallOptions = {}): Promise<AnswerOf<'redeliver'>> {
    return this.#call('redeliver', { ...ofWebhook(id), ...options, body: which })
  }

  /** Newest first. */
  listDeliveries(
    id: string,
    query: DeliveryQuery = {},
    options: CallOptions = {},
  ): Promise<AnswerOf<'listDeliveries'>> {
    return this.#call('listDeliveries', { ...ofWebhook(id), ...options, query })
  }

  getIndex(options: CallOptions = {}): Promise<AnswerOf<'getIndex'>> {
    return this.#call('getIndex', options)
  }

  getStats(options: CallOptions = {}): Promise<AnswerOf<'getStats'>> {
    return this.#call('getStats', options)
  }

  /** Time series of the last hour or day, of all types or of one. */
  getHistory({
    span,
    type,
    ...options
  }: CallOptions & Readonly<{ span?: HistorySpan; type?: string }> = {}): Promise<AnswerOf<'getHistory'>> {
    return this.#call('getHistory', { ...options, query: { span, type } })
  }

  /** Adds a remote worker, or replaces its types. */
  registerWorker(
    worker: string,
    types: readonly WorkerTypeDraft[],
    options: CallOptions = {},
  ): Promise<AnswerOf<'registerWorker'>> {
    return this.#call('registerWorker', { ...options, body: { worker, types } })
  }

  /** Claims tasks for a worker, and waits for them for `wait` seconds. */
  claimTasks(
    worker: string,
    {
      types,
      max,
      wait = 0,
      ...options
    }: CallOptions & Readonly<{ types?: readonly string[]; max?: number; wait?: number }> = {},
  ): Promise<AnswerOf<'claimTasks'>> {
    const body = {
      worker,
      wait,
      ...(types === undefined ? {} : { types }),
      ...(max === undefined ? {} : { max }),
    }
    return this.#call('claimTasks', { ...options, wait, body })
  }

  /** Renews the lease of a claimed task. Throws `LEASE_LOST`. */
  beat(token: string, beat: Beat = {}, options: CallOptions = {}): Promise<AnswerOf<'beat'>> {
    return this.#call('beat', { ...options, wait: beat.wait ?? 0, body: { lease_token: token, ...beat } })
  }

  /** Throws `LEASE_LOST`, as the other settlements do. */
  completeTask(token: string, result: unknown, options: CallOptions = {}): Promise<AnswerOf<'completeTask'>> {
    return this.#call('completeTask', { ...options, body: { lease_token: token, result } })
  }

  failTask(token: string, failure: Failure, options: CallOptions = {}): Promise<AnswerOf<'failTask'>> {
    return this.#call('failTask', { ...options, body: { lease_token: token, ...failure } })
  }

  /** Gives a task back at a pause point. */
  returnPausedTask(
    token: string,
    checkpoint: unknown,
    options: CallOptions = {},
  ): Promise<AnswerOf<'returnPausedTask'>> {
    return this.#call('returnPausedTask', { ...options, body: { lease_token: token, checkpoint } })
  }

  /** Lets a task wait without a worker, until a time or an answer. */
  parkTask(token: string, parking: Parking, options: CallOptions = {}): Promise<AnswerOf<'parkTask'>> {
    return this.#call('parkTask', { ...options, body: { lease_token: token, ...parking } })
  }

  /** A page of the stored steps of a claimed task. */
  getStoredSteps(
    token: string,
    { after = 0, ...options }: CallOptions & Readonly<{ after?: number }> = {},
  ): Promise<AnswerOf<'getStoredSteps'>> {
    return this.#call('getStoredSteps', { ...options, body: { lease_token: token, after } })
  }

  /** How a wait of a claimed task is; the first look opens it. */
  lookAtWait(token: string, look: Look, options: CallOptions = {}): Promise<AnswerOf<'lookAtWait'>> {
    return this.#call('lookAtWait', { ...options, body: { lease_token: token, ...look } })
  }

  listNodes(options: CallOptions = {}): Promise<AnswerOf<'listNodes'>> {
    return this.#call('listNodes', options)
  }

  /** A backup of an embedded database: the body of the response is the file, and `Content-Length` its size. */
  createBackup({ signal }: CallOptions = {}): Promise<Response> {
    return this.#transport.open({ operation: 'createBackup', signal }, signal ?? new AbortController().signal)
  }

  /** The metrics of the server in the text format of Prometheus. */
  getMetrics(options: CallOptions = {}): Promise<string> {
    return this.#transport.text({ ...options, operation: 'getMetrics' })
  }

  /** The caller, as the server knows it by its key. */
  getMe(options: CallOptions = {}): Promise<AnswerOf<'getMe'>> {
    return this.#call('getMe', options)
  }

  /** Creates a key. Its text is in this response only. From the first key on, every call needs one. */
  createKey(key: KeyDraft, options: CallOptions = {}): Promise<AnswerOf<'createKey'>> {
    return this.#call('createKey', { ...options, body: key })
  }

  listKeys(options: CallOptions = {}): Promise<AnswerOf<'listKeys'>> {
    return this.#call('listKeys', options)
  }

  getKey(id: string, options: CallOptions = {}): Promise<AnswerOf<'getKey'>> {
    return this.#call('getKey', { params: { key_id: id }, ...options })
  }

  /** Gives the key a new secret. The current one remains valid for `overlap`: seconds, or a string with units. */
  rotateKey(
    id: string,
    { overlap, reason, ...options }: ReasonOptions & Readonly<{ overlap?: number | string }> = {},
  ): Promise<AnswerOf<'rotateKey'>> {
    const body = {
      ...(overlap === undefined ? {} : { overlap }),
      ...(reason === undefined ? {} : { reason }),
    }
    return this.#call('rotateKey', { params: { key_id: id }, ...options, body })
  }

  /** Deletes the key: within a second, no node accepts it. */
  async revokeKey(id: string, options: ReasonOptions = {}): Promise<void> {
    await this.#call('revokeKey', { params: { key_id: id }, ...because(options) })
  }

  /** One page of the audit log, newest first; `Fermata.auditEntries` iterates over all of them. */
  listAudit(query: AuditQuery = {}, options: CallOptions = {}): Promise<AnswerOf<'listAudit'>> {
    return this.#call('listAudit', { query, ...options })
  }

  /**
   * Sends a message of the Model Context Protocol, once; the response has the answer as JSON or as a stream. For programs
   * that relay messages: agents use a client of the protocol.
   */
  callMcp(
    message: Readonly<Record<string, unknown>>,
    { signal, headers }: CallOptions & Readonly<{ headers?: Readonly<Record<string, string>> }> = {},
  ): Promise<Response> {
    const call = {
      operation: 'callMcp',
      body: message,
      signal,
      ...(headers === undefined ? {} : { headers }),
    } as const
    return this.#transport.open(call, signal ?? new AbortController().signal)
  }

  /** Sent once, whatever the patience. */
  getHealth(options: CallOptions = {}): Promise<AnswerOf<'getHealth'>> {
    return this.#call('getHealth', options)
  }

  /** Sent once, whatever the patience. Throws `NOT_READY`. */
  getReadiness(options: CallOptions = {}): Promise<AnswerOf<'getReadiness'>> {
    return this.#call('getReadiness', options)
  }

  #call<Id extends OperationId>(operation: Id, call: Omit<Call, 'operation'>): Promise<AnswerOf<Id>> {
    return this.#transport.json({ ...call, operation }) as Promise<AnswerOf<Id>>
  }
}

const ofTask = (id: string) => ({ params: { task_id: id } })
const ofSchedule = (id: string) => ({ params: { schedule_id: id } })
const ofLimit = (name: string) => ({ params: { limit_name: name } })
const ofWebhook = (id: string) => ({ params: { webhook_id: id } })
const ofType = (type: string) => ({ params: { task_type: type } })

/** `usual`: seconds that the server waits by default. */
function waiting({ wait, ...options }: WaitOptions, usual = 2) {
  const query = wait === undefined ? {} : { wait: Math.round(wait * 1_000) / 1_000 }
  return { ...options, query, wait: wait ?? usual }
}

/** For calls whose body is taken. */
function queried({ reason, ...options }: ReasonOptions) {
  return { ...options, query: reason === undefined ? {} : { reason } }
}

function because({ reason, ...options }: ReasonOptions) {
  return { ...options, query: { reason } }
}

function controlling({ reason, ...options }: ControlOptions) {
  const { query, ...rest } = waiting(options)
  return { ...rest, query: { ...query, reason } }
}

/** Random enough to be unique. Also works on pages that are not served over TLS and have no `randomUUID`. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
