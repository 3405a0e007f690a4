import { Calls } from './calls.ts'
import { TaskHandle } from './handle.ts'
import type { CallOptions } from './transport.ts'
import type {
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
 * A Fermata server as its callers see it: submits, handles and walks over many tasks, and below them one method for each call
 * of the API. Names and units are those of the wire: times in Unix seconds, durations in seconds.
 */
export class Fermata extends Calls {
  /**
   * Submits a task, by its definition or by its name: with the definition parameters and result are typed. Where only its
   * type can be had, name it: `submit<typeof resize>('resize', ...)`. Safe to repeat: see `submitTask`.
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

  /** Submits a task for each of the parameters, all or none of them; at most 10,000. */
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

  /** A handle of a task that was submitted earlier. Asks nothing: an unknown id shows at its first call. */
  handle<Result = unknown>(id: string): TaskHandle<Result> {
    return new TaskHandle<Result>(id, this)
  }

  /** All pages of a list, one after the other. */
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

  /** All tasks of a list. `limit` is the size of the pages in which they are fetched. */
  async *tasks<Field extends TaskField = TaskField>(
    query?: ListOptions<Field>,
    options?: CallOptions,
  ): AsyncGenerator<ListedTask<Field>, void, undefined> {
    for await (const { tasks } of this.pages(query, options)) yield* tasks
  }

  /**
   * What happens to all tasks of a filter, from now on and until the signal. It begins with `resync`, when the stream stands:
   * look at the tasks then. `resync` comes again when something may be missing: after a break of the connection, or when
   * this reader was too slow.
   */
  changes(filter?: TaskFilter, options?: CallOptions): AsyncGenerator<Change, void, undefined> {
    return this.streamChanges(filter, options)
  }
}

function nameOf(type: SomeType | string): string {
  return typeof type === 'string' ? type : type.type
}
