import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { isIdPrefix, type Filter, type Order } from '../core/filter.ts'
import type { ListedTask, ListCursor, Store } from '../store/store.ts'
import { cursorOf, progressOf } from './cursor.ts'

export type ListOptions = Readonly<{
  /** Default `newest`. */
  order?: Order
  /** Tasks in the page, at most: 1 to 1,000. Default 100. */
  limit?: number
  /** The `nextCursor` of the page before. */
  cursor?: string
  /** False: leaves all parameters out, as if they were too large, and reads none but those that a search looks at. */
  parameters?: boolean
}>

export type TaskPage = Readonly<{
  /**
   * Each with its parameters unless they are large, without other documents. A page can be short and still have a next
   * one.
   */
  tasks: readonly ListedTask[]
  /** Null at the end. */
  nextCursor: string | null
  /** There are older tasks, which the search for text did not look at. */
  searchLimited: boolean
}>

/** Candidates that a search for text looks at, over all its pages: the newest. */
export const searchLimit = 10_000
/** Candidates in one turn of the loop, so that callers beside it are not kept waiting. */
const scanAtOnce = 500
/** Bytes above which a list leaves parameters out, and says how large they are. */
const largestParameters = 16_384
/** Bytes of parameters in a page, and bytes that a search reads in one turn of the loop. */
const pageBytes = 4_194_304
/** Milliseconds after which a page is answered as it is. */
const longest = 1_000

/** One page. Throws `OptionsInvalid` for a cursor that is not of this list. */
export async function listTasks(
  store: Store,
  clock: Clock,
  filter: Filter,
  { order = 'newest', limit = 100, cursor, parameters = true }: ListOptions,
): Promise<TaskPage> {
  const searches = filter.text !== undefined && !isIdPrefix(filter.text)
  const budget = searches && order === 'newest' ? searchLimit : Number.POSITIVE_INFINITY
  const begun = cursor === undefined ? undefined : progressOf(cursor, filter, order, budget)
  const floor = searches && order === 'oldest' && begun === undefined ? await floorOf(store, filter) : null
  // A search reads them in any case, and sooner together with their tasks.
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
    const page = await store.list({ filter, order, after, limit: wanted, scan, reads })
    tasks.push(...page.entries)
    for (const { parameters } of page.entries) bytes += Buffer.byteLength(parameters)
    looked += page.looked
    after = page.next
    if (after === null) return { tasks, nextCursor: null, searchLimited: limited }
    if (looked >= budget) return { tasks, nextCursor: null, searchLimited: true }
    if (tasks.length >= limit || bytes >= pageBytes || clock.monotonic() >= end) break
    await turn()
  }
  return { tasks, nextCursor: cursorOf({ after, looked, limited }, filter, order), searchLimited: limited }
}

/** Before the oldest task that a search looks at; null when it looks at all of them. */
async function floorOf(store: Store, filter: Filter): Promise<ListCursor | null> {
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
    await turn()
  }
  return after === null ? null : { createdAt: after.createdAt, rowId: after.rowId - 1 }
}
