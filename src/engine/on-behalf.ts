import type { Caller, Origin } from '../core/caller.ts'
import type { Filter } from '../core/filter.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import type { Control, Task, TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Registry } from '../registry/registry.ts'
import type { BackupFile, Counts, LiveNode, NumberedLine, TaskRecord } from '../store/store.ts'
import type { Change } from './all-events.ts'
import type * as api from './api.ts'
import type { Explanation } from './explain.ts'
import type { ListOptions, TaskPage } from './lists.ts'
import type { History, Span } from './rates.ts'
import type { NodeState, Stats } from './reports.ts'
import type { NodeMetrics } from './task-metrics.ts'

/** The engine, in which every change names its origin. */
export interface Engine extends api.TaskManagerApi {
  enqueue(
    type: string,
    parameters: unknown,
    options?: api.SubmitOptions,
    origin?: Origin,
  ): Promise<api.Accepted>
  enqueueAll(type: string, drafts: readonly api.Draft[], origin?: Origin): Promise<readonly api.Accepted[]>
  control(id: TaskId, control: Control, options?: api.ControlOptions, origin?: Origin): Promise<Task>
  hold(type: string, held?: boolean, origin?: Origin): Promise<void>
  bulk(action: BulkAction, filter: Filter, options?: api.BulkOptions, origin?: Origin): Promise<Operation>
}

/** The engine as one caller uses it: whatever the caller changes is recorded in its name. */
export class OnBehalf implements api.TaskManagerApi {
  readonly #manager: Engine
  readonly #origin: Origin

  constructor(manager: Engine, caller: Caller, requestId: string | undefined) {
    this.#manager = manager
    this.#origin = { caller, ...(requestId === undefined ? {} : { requestId }) }
  }

  get registry(): Registry {
    return this.#manager.registry
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

  enqueue(type: string, parameters: unknown, options?: api.SubmitOptions): Promise<api.Accepted> {
    return this.#manager.enqueue(type, parameters, options, this.#origin)
  }

  enqueueAll(type: string, drafts: readonly api.Draft[]): Promise<readonly api.Accepted[]> {
    return this.#manager.enqueueAll(type, drafts, this.#origin)
  }

  resolve(text: string): Promise<TaskId> {
    return this.#manager.resolve(text)
  }

  ended(id: TaskId, options?: Readonly<{ signal?: AbortSignal }>): Promise<Task> {
    return this.#manager.ended(id, options)
  }

  brief(id: TaskId): Promise<TaskRecord> {
    return this.#manager.brief(id)
  }

  details(id: TaskId): Promise<TaskRecord> {
    return this.#manager.details(id)
  }

  control(id: TaskId, control: Control, options?: api.ControlOptions): Promise<Task> {
    return this.#manager.control(id, control, options, this.#origin)
  }

  events(id: TaskId, options?: api.EventOptions): AsyncIterable<TaskEvent> {
    return this.#manager.events(id, options)
  }

  log(id: TaskId, options?: api.LogOptions): Promise<readonly NumberedLine[]> {
    return this.#manager.log(id, options)
  }

  changes(filter?: Filter, options?: Readonly<{ signal?: AbortSignal }>): AsyncIterable<Change> {
    return this.#manager.changes(filter, options)
  }

  list(filter?: Filter, options?: ListOptions): Promise<TaskPage> {
    return this.#manager.list(filter, options)
  }

  explain(id: TaskId): Promise<Explanation> {
    return this.#manager.explain(id)
  }

  purge(id: TaskId): Promise<void> {
    return this.#manager.purge(id)
  }

  hold(type: string, held?: boolean): Promise<void> {
    return this.#manager.hold(type, held, this.#origin)
  }

  bulk(action: BulkAction, filter: Filter, options?: api.BulkOptions): Promise<Operation> {
    return this.#manager.bulk(action, filter, options, this.#origin)
  }

  operation(id: string): Promise<Operation> {
    return this.#manager.operation(id)
  }

  cancelOperation(id: string, wait?: number): Promise<Operation> {
    return this.#manager.cancelOperation(id, wait)
  }

  stats(): Promise<Stats> {
    return this.#manager.stats()
  }

  history(span: Span): History {
    return this.#manager.history(span)
  }

  metrics(): Promise<NodeMetrics> {
    return this.#manager.metrics()
  }

  backup(): Promise<BackupFile> {
    return this.#manager.backup()
  }

  nodes(): Promise<readonly LiveNode[]> {
    return this.#manager.nodes()
  }

  counts(): Promise<Counts> {
    return this.#manager.counts()
  }

  trouble(): Promise<string | null> {
    return this.#manager.trouble()
  }
}
