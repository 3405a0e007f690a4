import { turn, type Clock } from '../core/clock.ts'
import type { Filter } from '../core/filter.ts'
import { isTerminal, type Status, type TaskId, type TimelineEntry } from '../core/task.ts'
import type { EndedCursor, Store } from '../store/store.ts'

/** What a task did over time. Times are Unix milliseconds. */
export type Run = Readonly<{
  id: TaskId
  type: string
  /** From its submit on: each holds until the next one. At most 20, the first and the newest. */
  changes: readonly RunChange[]
}>

export type RunChange = Pick<TimelineEntry, 'version' | 'at' | 'event' | 'status' | 'attempt'>

export type Runs = Readonly<{
  runs: readonly Run[]
  from: number
  until: number
  /** Whether there are more runs in this time. */
  limited: boolean
}>

export type RunsOptions = Readonly<{
  /** Leaves out what ended before this time. Default: an hour before `until`. */
  from?: number
  /** Leaves out what was submitted at or after this time. Default: now. */
  until?: number
  /** Maximum runs: 1 to 2,000. Default 2,000. */
  limit?: number
}>

const hour = 3_600_000
/** Changes of a run that are returned at most. */
export const mostChanges = 20
/** Finished tasks that are looked at most, from the end of the time backwards, and from there on. */
const mostLooked = { within: 10_000, later: 2_000 }
/** Tasks per turn of the event loop. */
const atOnce = 500
const timelinesAtOnce = 200

/** What holds or held a slot comes first, and what has never started last. */
const active: readonly Status[] = ['running', 'pausing', 'cancelling', 'paused']
const unstarted: readonly Status[] = ['queued', 'scheduled', 'waiting']

/**
 * The tasks that existed in a time: first those that have a slot or are paused, then those that ended in it, the latest first, those that
 * ended later, and at last those that wait, the oldest first. Bounded in tasks and in what it looks at, however many there are.
 */
export async function listRuns(
  store: Store,
  clock: Clock,
  filter: Omit<Filter, 'text'>,
  options: RunsOptions,
): Promise<Runs> {
  const { until = store.now() + 1, limit = 2_000 } = options
  const { from = until - hour } = options
  if (from >= until) return { runs: [], from, until, limited: false }
  const createdBefore = Math.min(until, filter.createdBefore ?? Number.POSITIVE_INFINITY)
  const found = new Found(store, clock, { ...filter, createdBefore }, limit)
  await found.unfinished(active, 'newest')
  await found.ended({ order: 'newest', from, until }, mostLooked.within)
  await found.ended({ order: 'oldest', from: until, until: Number.MAX_SAFE_INTEGER }, mostLooked.later)
  await found.unfinished(unstarted, 'oldest')
  return { runs: await found.runs(from), from, until, limited: found.limited }
}

class Found {
  readonly #store: Store
  readonly #clock: Clock
  readonly #filter: Omit<Filter, 'text'>
  readonly #limit: number
  readonly #types = new Map<TaskId, string>()
  limited = false

  constructor(store: Store, clock: Clock, filter: Omit<Filter, 'text'>, limit: number) {
    this.#store = store
    this.#clock = clock
    this.#filter = filter
    this.#limit = limit
  }

  async unfinished(statuses: readonly Status[], order: 'newest' | 'oldest'): Promise<void> {
    const wanted = this.#filter.statuses
    const of = wanted === undefined ? statuses : statuses.filter((status) => wanted.includes(status))
    if (of.length === 0) return
    const room = this.#limit - this.#types.size
    const { entries, next } = await this.#store.list({
      filter: { ...this.#filter, statuses: of },
      order,
      after: null,
      // One without room shows that there are more.
      limit: Math.max(1, room),
      scan: mostLooked.later,
      reads: { largest: -1, total: Number.POSITIVE_INFINITY },
    })
    for (const { task } of entries.slice(0, room)) this.#types.set(task.id, task.type)
    this.limited ||= next !== null || entries.length > room
    await turn(this.#clock)
  }

  async ended(
    range: Readonly<{ order: 'newest' | 'oldest'; from: number; until: number }>,
    most: number,
  ): Promise<void> {
    let after: EndedCursor | null = null
    let looked = 0
    do {
      const page = await this.#store.ended({ filter: this.#filter, ...range, after, scan: atOnce })
      for (const { id, type } of page.tasks) {
        if (this.#types.size >= this.#limit) {
          this.limited = true
          return
        }
        this.#types.set(id, type)
      }
      looked += atOnce
      after = page.next
      if (after !== null) await turn(this.#clock)
    } while (after !== null && looked < most)
    this.limited ||= after !== null
  }

  /** Without those that were deleted meanwhile. */
  async runs(from: number): Promise<Run[]> {
    const ids = [...this.#types.keys()]
    const runs: Run[] = []
    for (let start = 0; start < ids.length; start += timelinesAtOnce) {
      const timelines = await this.#store.timelines(ids.slice(start, start + timelinesAtOnce))
      for (const [id, timeline] of timelines) {
        const last = timeline.at(-1)
        if (last === undefined || (isTerminal(last.status) && last.at < from)) continue
        runs.push({ id, type: this.#types.get(id) ?? '', changes: cut(timeline).map(changeOf) })
      }
      await turn(this.#clock)
    }
    return runs
  }
}

function cut(timeline: readonly TimelineEntry[]): readonly TimelineEntry[] {
  return timeline.length <= mostChanges
    ? timeline
    : [...timeline.slice(0, 1), ...timeline.slice(1 - mostChanges)]
}

function changeOf({ version, at, event, status, attempt }: TimelineEntry): RunChange {
  return { version, at, event, status, attempt }
}
