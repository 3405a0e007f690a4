import { turn, type Clock } from '../core/clock.ts'
import { isIdPrefix, type Filter, type Order, type Searched } from '../core/filter.ts'
import type { ListedTask, ListCursor, Store } from '../store/store.ts'
import { cursorOf, progressOf } from './cursor.ts'

export type ListOptions = Readonly<{
  /** Default `newest`. */
  order?: Order
  /** Maximum tasks in the page: 1 to 1,000. Default 100. */
  limit?: number
  /** The `nextCursor` of the previous page. */
  cursor?: string
  /** False omits all parameters, as if they were too large, and reads only those that a search needs. */
  parameters?: boolean
}>

export type TaskPage = Readonly<{
  /** Each with its parameters unless they are large, without other documents. A page can be short and still have a next one. */
  tasks: readonly ListedTask[]
  /** Null on the last page. */
  nextCursor: string | null
  /** Whether there are older tasks that the text search did not cover. */
  searchLimited: boolean
}>

/** Candidates that a text search reads over all its pages: the newest. */
export const searchLimit = 10_000
/** Candidates per turn of the event loop, so that other callers are not delayed. */
const scanAtOnce = 500
/** Lists omit parameters above this many bytes, and return their size instead. */
const largestParameters = 16_384
/** Bytes of parameters in a page, and bytes that a search reads per turn of the event loop. */
const pageBytes = 4_194_304
/** Milliseconds after which a page is returned as it is. */
const longest = 1_000

/** One page. Throws `OptionsInvalid` for a cursor of another list. */
export async function listTasks(
  store: Store,
  clock: Clock,
  searched: Searched,
  filter: Filter,
  { order = 'newest', limit = 100, cursor, parameters = true }: ListOptions,
): Promise<TaskPage> {
  const searches = filter.text !== undefined && !isIdPrefix(filter.text)
  const budget = searches && order === 'newest' ? searchLimit : Number.POSITIVE_INFINITY
  const begun = cursor === undefined ? undefined : progressOf(cursor, filter, order, budget)
  const floor =
    searches && order === 'oldest' && begun === undefined ? await floorOf(store, clock, filter) : null
  // A search needs them in any case, and reading them with their tasks is faster.
  const largest = parameters || searches ? largestParameters : -1
  const limited = begun?.limited ?? floor !== null
  const tasks: ListedTask[] = []
  let bytes = 0
  let after: ListCursor | null = begun?.after ?? floor
  let looked = begun?.looked ?? 0
  for (const end = clock.monotonic() + longest; ;) {
    const wanted = limit - tasks.length
    const scan = Math.min(Math.max(scanAtOnce, searches ? 0 : wanted), budget - looked)
    const reads = { largest, total: pageBytes - bytes }
    const page = await store.list({ filter, order, after, limit: wanted, scan, reads, searched })
    tasks.push(...page.entries)
    for (const { parameters } of page.entries) bytes += Buffer.byteLength(parameters)
    looked += page.looked
    after = page.next
    if (after === null) return { tasks, nextCursor: null, searchLimited: limited }
    if (looked >= budget) return { tasks, nextCursor: null, searchLimited: true }
    if (tasks.length >= limit || bytes >= pageBytes || clock.monotonic() >= end) break
    await turn(clock)
  }
  return { tasks, nextCursor: cursorOf({ after, looked, limited }, filter, order), searchLimited: limited }
}

/** Id before the oldest task that a search reads; null if it reads all of them. */
async function floorOf(store: Store, clock: Clock, filter: Filter): Promise<ListCursor | null> {
  const { text: _, ...rest } = filter
  let after: ListCursor | null = null
  for (let looked = 0; looked < searchLimit;) {
    const scan = Math.min(scanAtOnce, searchLimit - looked)
    const { next, looked: more } = await store.find({
      filter: rest,
      order: 'newest',
      after,
      limit: scan,
      scan,
    })
    if (next === null) return null
    looked += more
    after = next
    await turn(clock)
  }
  return after === null ? null : { createdAt: after.createdAt, rowId: after.rowId - 1 }
}
