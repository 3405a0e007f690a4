import type { ListOrder } from '../../../src/contract/filter-words.ts'
import type { TaskPage, TaskStatus } from '../data/shapes.ts'
import { LiveTasks } from '../live/tasks.ts'
import { nothing, type Selection } from './selection.ts'

export type Reader = Readonly<{
  /** The first page, or the page after a cursor. */
  page: (cursor: string | undefined, signal: AbortSignal) => Promise<TaskPage>
  /** One task, whatever the filters. */
  one: (id: string, signal: AbortSignal) => Promise<TaskStatus>
}>
export type Surroundings = Readonly<{
  order: ListOrder
  now: () => number
  kept?: number
  selection?: Selection
}>

/** Maximum number of tasks of a page that are read one by one. */
const oneByOne = 30

type Page = Readonly<{ cursor: string | undefined; first: number; length: number }>

/**
 * The rows of a table over any number of tasks. Rows are only added at the end, so visible rows never jump; tasks that
 * belong before the first row are counted as `fresh`. Of pages far from the visible rows, only ids and cursors are kept.
 */
export class Pager {
  readonly tasks = new LiveTasks()
  readonly #read: Reader
  readonly #order: ListOrder
  readonly #now: () => number
  readonly #kept: number
  readonly #over = new AbortController()
  readonly #listeners = new Set<() => void>()
  readonly #reading = new Set<Page | 'more' | 'fresh'>()
  #ids: string[] = []
  #known = new Set<string>()
  #pages: Page[] = []
  /** Cursor of the next page; null at the end, undefined before the first page. */
  #next: string | null | undefined
  #state: PagerState

  constructor(read: Reader, { order, now, kept = 4_000, selection = nothing }: Surroundings) {
    this.#read = read
    this.#order = order
    this.#now = now
    this.#kept = kept
    this.#state = {
      ids: this.#ids,
      isLoading: false,
      isAtEnd: false,
      isLimited: false,
      fresh: 0,
      error: null,
      selection,
    }
  }

  readonly state = (): PagerState => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  select(selection: Selection): void {
    this.#set({ selection })
  }

  has(id: string): boolean {
    return this.#known.has(id)
  }

  /** Reads the next page that has rows, unless a read is in progress or there is none. A search may return many empty pages. */
  async more(): Promise<void> {
    if (this.#next === null) return
    await this.#alone('more', async (signal) => {
      this.#set({ isLoading: true })
      const before = this.#ids.length
      while (this.#next !== null && this.#ids.length === before) {
        const cursor = this.#next
        const page = await this.#read.page(cursor, signal)
        this.#pages.push({ cursor, first: this.#ids.length, length: page.tasks.length })
        this.#next = page.next_cursor
        this.#append(page)
        this.#set({ isAtEnd: page.next_cursor === null, isLimited: page.search_limited, error: null })
      }
    })
    this.#set({ isLoading: false })
  }

  /** Rows `from` to `to` are visible: reads discarded ones again, and discards those far away. */
  async see(from: number, to: number): Promise<void> {
    const seen = this.#pages.filter(({ first, length }) => first <= to && first + length > from)
    this.#giveUp(seen)
    const missing = seen.filter(({ first, length }) =>
      this.#ids.slice(first, first + length).some((id) => this.tasks.get(id) === undefined),
    )
    await Promise.all(missing.map((page) => this.#again(page)))
  }

  /** Events may have been missed: reads rows `from` to `to` again, in place. */
  async refresh(from: number, to: number): Promise<void> {
    const seen = this.#pages.filter(({ first, length }) => first <= to && first + length > from)
    await Promise.all(seen.map((page) => this.#again(page)))
  }

  /** Counts new tasks before the first row or, with the oldest first or those that ended first, adds them at the end. */
  async lookForFresh(): Promise<void> {
    const last = this.#pages.at(-1)
    const isAtEnd = this.#order === 'oldest' || this.#order === 'ended_oldest'
    if (last === undefined || (isAtEnd && this.#next !== null)) return
    await this.#alone('fresh', async (signal) => {
      if (isAtEnd) {
        const page = await this.#read.page(last.cursor, signal)
        const news = { ...page, tasks: page.tasks.filter(({ task_id: id }) => !this.#known.has(id)) }
        this.#pages[this.#pages.length - 1] = { ...last, length: last.length + news.tasks.length }
        this.#append(news)
        this.#next = page.next_cursor
        this.#set({ isAtEnd: page.next_cursor === null })
        return
      }
      const page = await this.#read.page(undefined, signal)
      this.#set({ fresh: this.#before(page.tasks) })
    })
  }

  close(): void {
    this.#over.abort()
  }

  /** How many of these tasks belong before the first row. */
  #before(tasks: readonly TaskStatus[]): number {
    const [top = ''] = this.#ids
    const place = tasks.findIndex(({ task_id: id }) => id === top)
    return tasks.filter(
      ({ task_id: id }, index) =>
        !this.#known.has(id) && (this.#order === 'newest' ? id > top : place === -1 || index < place),
    ).length
  }

  #append(page: TaskPage): void {
    const ids = page.tasks.map(({ task_id: id }) => id).filter((id) => !this.#known.has(id))
    this.tasks.put(page.tasks, this.#now())
    this.#ids = [...this.#ids, ...ids]
    for (const id of ids) this.#known.add(id)
    this.#set({ ids: this.#ids })
  }

  /** Reads a known page again. Tasks that no longer match keep their rows and are read one by one. */
  #again(page: Page): Promise<void> {
    return this.#alone(page, async (signal) => {
      const { tasks } = await this.#read.page(page.cursor, signal)
      const answered = new Set(tasks.map(({ task_id: id }) => id))
      const left = this.#ids.slice(page.first, page.first + page.length).filter((id) => !answered.has(id))
      const ones = await Promise.allSettled(left.slice(0, oneByOne).map((id) => this.#read.one(id, signal)))
      const others = ones.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      const shown = [...tasks, ...others].filter(({ task_id: id }) => this.#known.has(id))
      this.tasks.put(shown, this.#now())
      this.tasks.flush()
    })
  }

  #giveUp(seen: readonly Page[]): void {
    if (this.tasks.size <= this.#kept) return
    const first = (seen[0]?.first ?? 0) - this.#kept / 4
    const last = (seen.at(-1)?.first ?? 0) + (seen.at(-1)?.length ?? 0) + this.#kept / 4
    this.tasks.keep(new Set(this.#ids.slice(Math.max(0, first), last)))
  }

  /** Runs one read of each kind at a time; shows errors instead of throwing. */
  async #alone(kind: Page | 'more' | 'fresh', work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#over
    if (this.#reading.has(kind) || signal.aborted) return
    this.#reading.add(kind)
    try {
      await work(signal)
    } catch (error) {
      if (!signal.aborted && kind === 'more') this.#set({ error })
    } finally {
      this.#reading.delete(kind)
    }
  }

  #set(state: Partial<PagerState>): void {
    this.#state = { ...this.#state, ...state }
    for (const listener of this.#listeners) listener()
  }
}

export type PagerState = Readonly<{
  ids: readonly string[]
  isLoading: boolean
  isAtEnd: boolean
  /** The search did not cover all tasks. */
  isLimited: boolean
  /** New tasks that belong before the first row. */
  fresh: number
  /** The error of the last failed read. */
  error: unknown
  selection: Selection
}>
