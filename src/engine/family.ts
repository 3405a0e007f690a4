import type { Filter } from '../core/filter.ts'
import type { Status, Task } from '../core/task.ts'
import type { ChildCounts, Store } from '../store/store.ts'
import type { ListOptions, TaskPage } from './lists.ts'

/** The tasks to which a task is related. */
export type Family = Readonly<{
  /** Null if no task started it, or if it was deleted. */
  parent: Task | null
  children: Readonly<{
    byStatus: ChildCounts
    /** One page, the oldest first. */
    tasks: readonly Task[]
    nextCursor: string | null
  }>
  /** The first tasks for which it waits. */
  predecessors: readonly Task[]
  /** The first tasks that wait for it. */
  successors: readonly Task[]
}>

/** Which children: at most `limit` (100), after those of the page before. */
export type FamilyOptions = Readonly<{ limit?: number; cursor?: string }>

/** What a limited caller sees. */
export type FamilyView = Readonly<{
  sees: (task: Task) => boolean
  /** The filter, for tasks that it sees. */
  visible: (filter: Filter) => Filter
}>

/** Maximum predecessors and successors that are returned. */
const relatives = 100

type Source = Readonly<{ store: Store; list: (filter: Filter, options: ListOptions) => Promise<TaskPage> }>

/** Without a `view`, all of it. */
export async function familyOf(
  { store, list }: Source,
  { id, parent }: Task,
  { limit = 100, cursor }: FamilyOptions,
  view: FamilyView | undefined,
): Promise<Family> {
  const filter = view?.visible({ parent: id }) ?? { parent: id }
  const sees = view?.sees ?? (() => true)
  const options = { order: 'oldest', parameters: false } as const
  const page = await list(filter, { ...options, limit, ...(cursor === undefined ? {} : { cursor }) })
  const above = parent === null ? null : await store.get(parent.id)
  const [predecessors, successors] = await Promise.all([
    store.predecessors(id, relatives),
    store.successors(id, relatives),
  ])
  const counted = async () => {
    const byStatus: Partial<Record<Status, number>> = {}
    for (let after: string | undefined; ;) {
      const { tasks, nextCursor } = await list(filter, {
        ...options,
        limit: 1_000,
        ...(after === undefined ? {} : { cursor: after }),
      })
      for (const { task } of tasks) byStatus[task.status] = (byStatus[task.status] ?? 0) + 1
      if (nextCursor === null) return byStatus
      after = nextCursor
    }
  }
  return {
    parent: above !== null && sees(above) ? above : null,
    children: {
      byStatus: view === undefined ? await store.children(id) : await counted(),
      tasks: page.tasks.map(({ task }) => task),
      nextCursor: page.nextCursor,
    },
    predecessors: predecessors.filter(sees),
    successors: successors.filter(sees),
  }
}
