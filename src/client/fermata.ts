import { Calls } from './calls.ts'
import { TaskHandle } from './handle.ts'
import type { CallOptions } from './transport.ts'
import type {
  AnswerOf,
  AuditEntry,
  AuditQuery,
  Change,
  ListedTask,
  ListOptions,
  ParametersOf,
  ResultOf,
  SomeType,
  SubmitOptions,
  TaskField,
  TaskFilter,
  TaskPage,
} from './types.ts'

/**
 * A Fermata server for callers: submits, handles, iteration over many tasks, and below them one method per API call. Names
 * and units are those of the wire: times in Unix seconds, durations in seconds.
 */
export class Fermata extends Calls {
  /**
   * Submits a task by definition or by name. With the definition, parameters and result are typed. If only its type is
   * available, name it: `submit<typeof resize>('resize', ...)`. Safe to repeat: see `submitTask`.
   */
  async submit<Type extends SomeType = SomeType>(
    type: Type | string,
    parameters: ParametersOf<Type>,
    options: SubmitOptions & CallOptions = {},
  ): Promise<TaskHandle<ResultOf<Type>>> {
    const { signal, patience, ...own } = options
    const body = { ...own, parameters: parameters as Record<string, unknown> }
    const { task_id: id } = await this.submitTask(nameOf(type), body, { signal, patience })
    return this.handle(id)
  }

  /** Submits a task for each set of parameters, all or nothing; at most 10,000. */
  async submitAll<Type extends SomeType = SomeType>(
    type: Type | string,
    list: readonly ParametersOf<Type>[],
    options: Omit<SubmitOptions, 'idempotency_key'> & CallOptions = {},
  ): Promise<TaskHandle<ResultOf<Type>>[]> {
    if (list.length === 0) return []
    const { signal, patience, ...own } = options
    const tasks = list.map((parameters) => ({ ...own, parameters: parameters as Record<string, unknown> }))
    const { task_ids: ids } = await this.submitBatch(nameOf(type), tasks, { signal, patience })
    return ids.map((id) => this.handle(id))
  }

  /** Returns a handle for an existing task. Sends no request: an unknown id fails at the first call. */
  handle<Result = unknown>(id: string): TaskHandle<Result> {
    return new TaskHandle<Result>(id, this)
  }

  /** Iterates over all pages of a list. */
  async *pages<Field extends TaskField = TaskField>(
    query: ListOptions<Field> = {},
    options?: CallOptions,
  ): AsyncGenerator<TaskPage<Field>, void, undefined> {
    let cursor = query.cursor
    do {
      const page = await this.listTasks(cursor === undefined ? query : { ...query, cursor }, options)
      yield page
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** Iterates over all tasks of a list. `limit` is the page size. */
  async *tasks<Field extends TaskField = TaskField>(
    query?: ListOptions<Field>,
    options?: CallOptions,
  ): AsyncGenerator<ListedTask<Field>, void, undefined> {
    for await (const { tasks } of this.pages(query, options)) yield* tasks
  }

  /** Iterates over all pages of the audit log, newest first. */
  async *auditPages(
    query: AuditQuery = {},
    options?: CallOptions,
  ): AsyncGenerator<AnswerOf<'listAudit'>, void, undefined> {
    let cursor = query.cursor
    do {
      const page = await this.listAudit(cursor === undefined ? query : { ...query, cursor }, options)
      yield page
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** Iterates over all entries of the audit log, newest first. `limit` is the page size. */
  async *auditEntries(
    query?: AuditQuery,
    options?: CallOptions,
  ): AsyncGenerator<AuditEntry, void, undefined> {
    for await (const { entries } of this.auditPages(query, options)) yield* entries
  }

  /**
   * Streams events of all tasks that match a filter, from now until the signal. It starts with `resync` once the stream is
   * open: read the tasks then. `resync` is sent again whenever events may be missing: after the connection broke, or if this
   * reader was too slow.
   */
  changes(filter?: TaskFilter, options?: CallOptions): AsyncGenerator<Change, void, undefined> {
    return this.streamChanges(filter, options)
  }
}

function nameOf(type: SomeType | string): string {
  return typeof type === 'string' ? type : type.type
}
