import { turn, type Clock } from '../core/clock.ts'
import {
  isByEnd,
  isIdPrefix,
  isNewestFirst,
  type Filter,
  type ListOrder,
  type Searched,
} from '../core/filter.ts'
import { isTerminal, terminalStatuses, type TaskId } from '../core/task.ts'
import type { ListedTask, ListCursor, Store } from '../store/store.ts'
import { cursorOf, progressOf, tookCursorOf, tookPlaceOf } from './cursor.ts'

export type ListOptions = Readonly<{
  /** Default `newest`. */
  order?: ListOrder
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
  /** Whether there are older tasks that the text search, or the order by duration, did not cover. */
  searchLimited: boolean
}>

/** Candidates that a text search reads over all its pages, and an order by duration for each of them: the newest. */
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
  given: Filter,
  { order = 'newest', limit = 100, cursor, parameters = true }: ListOptions,
): Promise<TaskPage> {
  if (order === 'longest' || order === 'shortest') {
    const options = { order, limit, parameters, ...(cursor === undefined ? {} : { cursor }) }
    return listByDuration(store, clock, searched, finished(given), options)
  }
  const filter = isByEnd(order) ? finished(given) : given
  const searches = filter.text !== undefined && !isIdPrefix(filter.text)
  const budget = searches && isNewestFirst(order) ? searchLimit : Number.POSITIVE_INFINITY
  const begun = cursor === undefined ? undefined : progressOf(cursor, filter, order, budget)
  const floor =
    searches && !isNewestFirst(order) && begun === undefined
      ? await floorOf(store, clock, filter, isByEnd(order) ? 'ended_newest' : 'newest')
      : null
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
async function floorOf(
  store: Store,
  clock: Clock,
  filter: Filter,
  order: 'newest' | 'ended_newest',
): Promise<ListCursor | null> {
  const { text: _, ...rest } = filter
  let after: ListCursor | null = null
  for (let looked = 0; looked < searchLimit;) {
    const scan = Math.min(scanAtOnce, searchLimit - looked)
    const { next, looked: more } = await store.find({
      filter: rest,
      order,
      after,
      limit: scan,
      scan,
    })
    if (next === null) return null
    looked += more
    after = next
    await turn(clock)
  }
  return after === null ? null : { at: after.at, rowId: after.rowId - 1 }
}

/** What can match in an order by the end, or by the duration. */
function finished(filter: Filter): Filter {
  return { ...filter, statuses: filter.statuses?.filter(isTerminal) ?? terminalStatuses }
}

/** No index has durations, which would cost each task a write: each page reads the newest candidates, and keeps those that follow its cursor. */
async function listByDuration(
  store: Store,
  clock: Clock,
  searched: Searched,
  filter: Filter,
  {
    order,
    limit,
    cursor,
    parameters,
  }: ListOptions & Readonly<{ order: 'longest' | 'shortest'; limit: number }>,
): Promise<TaskPage> {
  const after = cursor === undefined ? undefined : tookPlaceOf(cursor, filter, order)
  const until = after?.until ?? store.now() + 1
  const direction = order === 'longest' ? -1 : 1
  const compared = (a: Took, b: Took) =>
    direction * (a.took - b.took || Number(a.id > b.id) - Number(a.id < b.id))
  const within = { ...filter, createdBefore: Math.min(until, filter.createdBefore ?? until) }
  // One more shows whether there is a next page.
  let first: ListedTask[] = []
  let looked = 0
  let next: ListCursor | null = null
  do {
    const scan = Math.min(scanAtOnce, searchLimit - looked)
    const reads = { largest: -1, total: pageBytes }
    const page = await store.list({
      filter: within,
      order: 'newest',
      after: next,
      limit: scan,
      scan,
      reads,
      searched,
    })
    const following = page.entries.filter(
      (entry) => after === undefined || compared(tookOf(entry), after) > 0,
    )
    first = [...first, ...following].toSorted((a, b) => compared(tookOf(a), tookOf(b))).slice(0, limit + 1)
    looked += page.looked
    next = page.next
    if (next !== null) await turn(clock)
  } while (next !== null && looked < searchLimit)
  const searchLimited = next !== null
  const tasks: ListedTask[] = []
  let bytes = 0
  for (const entry of first.slice(0, limit)) {
    if (bytes >= pageBytes) break
    const shown = parameters === false ? entry : await withParameters(store, entry)
    bytes += Buffer.byteLength(shown.parameters)
    tasks.push(shown)
  }
  const last = tasks.at(-1)
  const nextCursor =
    last === undefined || first.length === tasks.length
      ? null
      : tookCursorOf({ until, ...tookOf(last) }, filter, order)
  return { tasks, nextCursor, searchLimited }
}

type Took = Readonly<{ took: number; id: TaskId }>

function tookOf({ task }: ListedTask): Took {
  return { took: task.activeMs, id: task.id }
}

/** As it was if it has been deleted meanwhile. */
async function withParameters(store: Store, entry: ListedTask): Promise<ListedTask> {
  if (entry.cut === null || entry.cut > largestParameters) return entry
  const { parameters } = (await store.read(entry.task.id, { brief: true })) ?? entry
  return { ...entry, parameters, cut: null }
}
