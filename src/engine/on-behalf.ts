import type { Access } from '../access/access.ts'
import type { AuditFilter } from '../core/audit.ts'
import type { Caller, Origin } from '../core/caller.ts'
import {
  DocumentUnreadable,
  IdempotencyKeyReused,
  OperationUnknown,
  TaskIdAmbiguous,
  TaskUnknown,
  UniqueConflict,
} from '../core/errors.ts'
import type { Filter } from '../core/filter.ts'
import type { Secrets } from '../core/redaction.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import type { Control, Task, TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Registry } from '../registry/registry.ts'
import type { BackupFile, Counts, LiveNode, NumberedLine, StepPage, TaskRecord } from '../store/store.ts'
import type { Change } from './all-events.ts'
import type * as api from './api.ts'
import type { AuditListPage, AuditOptions } from './audit.ts'
import { waitsFor, waitsForChildren, type Explanation } from './explain.ts'
import type { FailureGroups, FailureOptions } from './failures.ts'
import type { LimitsApi } from './limits.ts'
import type { ListOptions, TaskPage } from './lists.ts'
import type { History, Span } from './rates.ts'
import { isLimited, mustHaveTag, mustSeeAll, maySee, visible, visibleTypes } from './limited.ts'
import { secretsIn, seesSensitive, shownEvent, shownRecord, shownSteps } from './redacting.ts'
import type { NodeState, Stats } from './reports.ts'
import type { Family, FamilyOptions, FamilyView } from './family.ts'
import type { Runs, RunsOptions } from './runs.ts'
import { predecessorUnknown } from './submission.ts'
import type { SchedulesApi } from './schedules-api.ts'
import type { WaitsApi } from './waits.ts'
import type { WebhooksApi } from './webhooks.ts'
import type { WorkersApi } from './workers-api.ts'
import type { NodeMetrics } from './task-metrics.ts'

/** The engine, in which every change names its origin. */
export interface Engine extends api.TaskManagerApi {
  /** Ids that match a partial id, at most `limit`; undefined if the text is a whole id. */
  candidates(text: string, limit: number): Promise<readonly TaskId[] | undefined>
  family(id: TaskId, options?: FamilyOptions, view?: FamilyView): Promise<Family>
  enqueue(
    type: string,
    parameters: unknown,
    options?: api.SubmitOptions,
    origin?: Origin,
  ): Promise<api.Accepted>
  enqueueAll(type: string, drafts: readonly api.Draft[], origin?: Origin): Promise<readonly api.Accepted[]>
  control(id: TaskId, control: Control, options?: api.ControlOptions, origin?: Origin): Promise<Task>
  purge(id: TaskId, options?: api.ReasonOptions, origin?: Origin): Promise<void>
  hold(type: string, held?: boolean, options?: api.ReasonOptions, origin?: Origin): Promise<void>
  cancelOperation(id: string, wait?: number, options?: api.ReasonOptions, origin?: Origin): Promise<Operation>
  bulk(action: BulkAction, filter: Filter, options?: api.BulkOptions, origin?: Origin): Promise<Operation>
  schedulesFor(origin: Origin): SchedulesApi
  workersFor(origin: Origin): WorkersApi
  limitsFor(origin: Origin): LimitsApi
  webhooksFor(origin: Origin): WebhooksApi
  waitsFor(origin: Origin): WaitsApi
}

/**
 * The engine as one caller uses it: whatever the caller changes is recorded in its name, what it may not see does not exist
 * for it, and sensitive values are hidden from it.
 */
export class OnBehalf implements api.TaskManagerApi {
  readonly #manager: Engine
  readonly #caller: Caller
  readonly #origin: Origin

  constructor(manager: Engine, caller: Caller, requestId: string | undefined) {
    this.#manager = manager
    this.#caller = caller
    this.#origin = { caller, ...(requestId === undefined ? {} : { requestId }) }
  }

  get registry(): Registry {
    return visibleTypes(this.#caller, this.#manager.registry)
  }

  get access(): Access {
    return this.#manager.access
  }

  get schedules(): SchedulesApi {
    return this.#manager.schedulesFor(this.#origin)
  }

  get workers(): WorkersApi {
    return this.#manager.workersFor(this.#origin)
  }

  get limits(): LimitsApi {
    return this.#manager.limitsFor(this.#origin)
  }

  get webhooks(): WebhooksApi {
    return this.#manager.webhooksFor(this.#origin)
  }

  get waits(): WaitsApi {
    return this.#manager.waitsFor(this.#origin)
  }

  get state(): NodeState {
    return this.#manager.state
  }

  as(caller: Caller, requestId?: string): api.TaskManagerApi {
    return this.#manager.as(caller, requestId)
  }

  now(): number {
    return this.#manager.now()
  }

  learn(type?: string): Promise<void> {
    return this.#manager.learn(type)
  }

  async enqueue(type: string, parameters: unknown, options?: api.SubmitOptions): Promise<api.Accepted> {
    this.registry.get(type)
    mustHaveTag(this.#caller, [options?.tags ?? []])
    await this.#mustSeePredecessors([options], false)
    return this.#told(this.#manager.enqueue(type, parameters, options, this.#origin))
  }

  async enqueueAll(type: string, drafts: readonly api.Draft[]): Promise<readonly api.Accepted[]> {
    this.registry.get(type)
    if (this.#caller.tags !== null) {
      mustHaveTag(
        this.#caller,
        drafts.map(({ options }) => options?.tags ?? []),
      )
    }
    await this.#mustSeePredecessors(
      drafts.map(({ options }) => options),
      true,
    )
    return this.#told(this.#manager.enqueueAll(type, drafts, this.#origin))
  }

  /** A limited caller finds only what it may see: others neither match nor make a match ambiguous. */
  async resolve(text: string): Promise<TaskId> {
    if (!isLimited(this.#caller)) return this.#manager.resolve(text)
    const candidates = await this.#manager.candidates(text, mostCandidates)
    if (candidates === undefined) return text
    const found: TaskId[] = []
    for (const id of candidates) if (await this.#sees(id)) found.push(id)
    if (found.length > 1) throw new TaskIdAmbiguous(text, found)
    if (found[0] === undefined) throw new TaskUnknown(text)
    return found[0]
  }

  async ended(id: TaskId, options?: Readonly<{ signal?: AbortSignal }>): Promise<Task> {
    if (isLimited(this.#caller)) await this.#mustSee(id)
    return this.#manager.ended(id, options)
  }

  async brief(id: TaskId): Promise<TaskRecord> {
    return this.#redacted(await this.#found(this.#manager.brief(id)))
  }

  async details(id: TaskId): Promise<TaskRecord> {
    return this.#redacted(await this.#found(this.#manager.details(id)))
  }

  async control(id: TaskId, control: Control, options?: api.ControlOptions): Promise<Task> {
    if (isLimited(this.#caller)) await this.#mustSee(id)
    return this.#told(this.#manager.control(id, control, options, this.#origin))
  }

  events(id: TaskId, options?: api.EventOptions): AsyncIterable<TaskEvent> {
    return isLimited(this.#caller) || !seesSensitive(this.#caller)
      ? this.#visibleEvents(id, options)
      : this.#manager.events(id, options)
  }

  async log(id: TaskId, options?: api.LogOptions): Promise<readonly NumberedLine[]> {
    if (isLimited(this.#caller)) await this.#mustSee(id)
    const lines = await this.#manager.log(id, options)
    if (lines.length === 0 || seesSensitive(this.#caller)) return lines
    const secrets = await this.#secretsOf(id)
    return secrets === undefined ? lines : lines.map((line) => ({ ...line, text: secrets.hide(line.text) }))
  }

  async steps(id: TaskId, options?: api.StepsOptions): Promise<StepPage> {
    if (isLimited(this.#caller)) await this.#mustSee(id)
    const page = await this.#manager.steps(id, options)
    if (page.steps.length === 0 || seesSensitive(this.#caller)) return page
    return shownSteps(page, await this.#manager.brief(id), this.#manager.registry)
  }

  /** A limited caller sees the relatives that it may see, and no others are counted. */
  async family(id: TaskId, options?: FamilyOptions): Promise<Family> {
    if (!isLimited(this.#caller)) return this.#manager.family(id, options)
    await this.#mustSee(id)
    return this.#manager.family(id, options, {
      sees: (task) => maySee(this.#caller, task),
      visible: (filter) => visible(this.#caller, filter),
    })
  }

  changes(filter: Filter = {}, options?: Readonly<{ signal?: AbortSignal }>): AsyncIterable<Change> {
    return this.#manager.changes(visible(this.#caller, filter), options)
  }

  async list(filter: Filter = {}, options?: ListOptions): Promise<TaskPage> {
    const page = await this.#manager.list(visible(this.#caller, filter), options)
    return { ...page, tasks: page.tasks.map((task) => this.#redacted(task)) }
  }

  async failures(filter: Omit<Filter, 'text'> = {}, options?: FailureOptions): Promise<FailureGroups> {
    const found = await this.#manager.failures(visible(this.#caller, filter), options)
    const redacted = found.groups.map(({ latest, ...group }) => {
      const record = latest.record === null ? null : this.#redacted(latest.record)
      return { ...group, latest: { ...latest, record } }
    })
    return { ...found, groups: redacted }
  }

  runs(filter: Omit<Filter, 'text'> = {}, options?: RunsOptions): Promise<Runs> {
    return this.#manager.runs(visible(this.#caller, filter), options)
  }

  /** How many tasks of others are ahead, which ones it waits for, and which hold slots, is not shown to limited callers. */
  async explain(id: TaskId): Promise<Explanation> {
    if (isLimited(this.#caller)) await this.#mustSee(id)
    const explanation = await this.#manager.explain(id)
    if (!isLimited(this.#caller)) return explanation
    const reasons = explanation.reasons
      .filter(({ code }) => code !== 'others_first')
      .map((reason) => (reason.code === 'predecessors' ? waitsFor(explanation.task, []) : reason))
      .map((reason) =>
        reason.code === 'children'
          ? waitsForChildren({ count: explanation.task.awaits?.children ?? 0, tasks: [] })
          : reason,
      )
    return { ...explanation, reasons, limits: [], position: null, startsIn: null }
  }

  async purge(id: TaskId, options?: api.ReasonOptions): Promise<void> {
    if (isLimited(this.#caller)) await this.#mustSee(id)
    return this.#manager.purge(id, options, this.#origin)
  }

  async hold(type: string, held?: boolean, options?: api.ReasonOptions): Promise<void> {
    this.registry.get(type)
    if (this.#caller.tags !== null) mustSeeAll(this.#caller, 'a hold stops')
    return this.#manager.hold(type, held, options, this.#origin)
  }

  bulk(action: BulkAction, filter: Filter, options?: api.BulkOptions): Promise<Operation> {
    return this.#manager.bulk(action, visible(this.#caller, filter), options, this.#origin)
  }

  async operation(id: string): Promise<Operation> {
    return this.#own(await this.#manager.operation(id))
  }

  async cancelOperation(id: string, wait?: number, options?: api.ReasonOptions): Promise<Operation> {
    if (isLimited(this.#caller)) await this.operation(id)
    return this.#manager.cancelOperation(id, wait, options, this.#origin)
  }

  async audit(filter?: AuditFilter, options?: AuditOptions): Promise<AuditListPage> {
    mustSeeAll(this.#caller, 'the audit log is')
    return this.#manager.audit(filter, options)
  }

  async stats(): Promise<Stats> {
    mustSeeAll(this.#caller, 'statistics count')
    return this.#manager.stats()
  }

  async history(span: Span, type?: string): Promise<History> {
    const { types, tags } = this.#caller
    const isOwn = type !== undefined && tags === null && types?.includes(type) === true
    if (!isOwn) mustSeeAll(this.#caller, 'the history counts')
    return this.#manager.history(span, type)
  }

  async metrics(): Promise<NodeMetrics> {
    mustSeeAll(this.#caller, 'metrics count')
    return this.#manager.metrics()
  }

  async backup(): Promise<BackupFile> {
    mustSeeAll(this.#caller, 'a backup contains')
    return this.#manager.backup()
  }

  async nodes(): Promise<readonly LiveNode[]> {
    mustSeeAll(this.#caller, 'nodes run')
    return this.#manager.nodes()
  }

  /** Only used for the held types, which the handlers look up by name. */
  counts(): Promise<Counts> {
    return this.#manager.counts()
  }

  trouble(): Promise<string | null> {
    return this.#manager.trouble()
  }

  async *#visibleEvents(
    id: TaskId,
    options: api.EventOptions | undefined,
  ): AsyncGenerator<TaskEvent, void, undefined> {
    const record = await this.#found(this.#manager.brief(id))
    const secrets = seesSensitive(this.#caller) ? undefined : secretsIn(record, this.#manager.registry)
    const events = this.#manager.events(id, options)
    if (secrets === undefined) yield* events
    else for await (const event of events) yield shownEvent(event, secrets)
  }

  async #mustSee(id: TaskId): Promise<void> {
    if (!(await this.#sees(id))) throw new TaskUnknown(id)
  }

  /** Whether and when a task ends is not shown to those who may not see it. */
  async #mustSeePredecessors(
    options: readonly (api.SubmitOptions | undefined)[],
    isBatch: boolean,
  ): Promise<void> {
    if (!isLimited(this.#caller) || options.every((one) => one?.after === undefined)) return
    const ids = [...new Set(options.flatMap((one) => one?.after ?? []))]
    const seen = new Map<string, boolean>()
    await Promise.all(ids.map(async (id) => seen.set(id, await this.#sees(id))))
    for (const [index, one] of options.entries()) {
      const place = one?.after?.findIndex((id) => seen.get(id) !== true) ?? -1
      if (place >= 0) throw predecessorUnknown(one!.after![place]!, place, isBatch ? index : undefined)
    }
  }

  async #sees(id: TaskId): Promise<boolean> {
    try {
      await this.#found(this.#manager.brief(id))
      return true
    } catch (error) {
      if (error instanceof TaskUnknown) return false
      if (error instanceof DocumentUnreadable) return true
      throw error
    }
  }

  /** What is hidden in the log of a task; of one that cannot be decrypted, it was hidden when it was recorded. */
  async #secretsOf(id: TaskId): Promise<Secrets | undefined> {
    try {
      return secretsIn(await this.#manager.brief(id), this.#manager.registry)
    } catch (error) {
      if (error instanceof DocumentUnreadable) return undefined
      throw error
    }
  }

  /** The record, if the caller may know that the task exists. */
  async #found(reading: Promise<TaskRecord>): Promise<TaskRecord> {
    try {
      const record = await reading
      if (maySee(this.#caller, record.task)) return record
      throw new TaskUnknown(record.task.id)
    } catch (error) {
      if (error instanceof DocumentUnreadable && !maySee(this.#caller, error.task))
        throw new TaskUnknown(error.task.id)
      throw error
    }
  }

  #redacted<T extends TaskRecord>(record: T): T {
    return seesSensitive(this.#caller) ? record : shownRecord(record, this.#manager.registry)
  }

  #own(operation: Operation): Operation {
    if (!isLimited(this.#caller) || operation.callerId === this.#caller.id) return operation
    throw new OperationUnknown(operation.id)
  }

  /** A limited caller is not told which task has its key, unless it may see that task. */
  async #told<T>(submitted: Promise<T>): Promise<T> {
    try {
      return await submitted
    } catch (error) {
      const isOfKey = error instanceof IdempotencyKeyReused || error instanceof UniqueConflict
      if (!isOfKey || !isLimited(this.#caller)) throw error
      if (error.id !== null && (await this.#sees(error.id))) throw error
      throw error instanceof UniqueConflict
        ? new UniqueConflict(error.key, null)
        : new IdempotencyKeyReused(error.key, null)
    }
  }
}

/** Tasks that a limited caller's partial id may match, including those of others. */
const mostCandidates = 100
