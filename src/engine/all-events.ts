import type { Clock } from '../core/clock.ts'
import { fits, matches, type Filter, type Searched } from '../core/filter.ts'
import { isTerminal, type TaskId } from '../core/task.ts'
import type { Bus } from '../journal/bus.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { TaskRecord } from '../store/store.ts'
import { ProgressThrottle } from './progress-throttle.ts'

/** `resync`: events were lost since the last one; read the tasks again. */
export type Change = TaskEvent | Readonly<{ kind: 'resync' }>

/** Reads a task with its parameters, which events do not include. */
export type Look = (id: TaskId) => Promise<TaskRecord | null>

export type ChangesOptions = Readonly<{ signal: AbortSignal; look: Look; searched: Searched; clock: Clock }>

/** Maximum events queued for a slow reader; beyond it, they are dropped and the reader is told to read the tasks again. */
const kept = 2_000
/**
 * Maximum kilobytes of all events since the oldest queued one, matching or not; beyond it, the queue is dropped. All readers
 * share the events, so this limits what they retain together, however many there are and whatever each has queued.
 */
const keptFor = 20_000
/** Maximum number of tasks whose last transition is remembered, and whether they match, for events that do not say so. */
const remembered = 10_000

/** Streams events of all matching tasks from now on; ends quietly with the signal. */
export async function* allEvents(
  bus: Bus,
  filter: Filter,
  { signal, look, searched, clock }: ChangesOptions,
): AsyncGenerator<Change, void, undefined> {
  const reader = new Reader(filter, clock, newsOf(bus))
  const search = filter.text === undefined ? undefined : new TextSearch(filter.text, look, searched)
  const stop = bus.onAll((event) => reader.add(event))
  const abort = () => reader.wake()
  signal.addEventListener('abort', abort)
  try {
    while (!signal.aborted) {
      const change = reader.next()
      if (change === undefined) await reader.more()
      else if (search === undefined || change.kind === 'resync' || (await search.finds(change))) yield change
    }
  } finally {
    stop()
    reader.close()
    signal.removeEventListener('abort', abort)
  }
}

class Reader {
  readonly #filter: Filter
  readonly #throttle: ProgressThrottle
  #waiting: Change[] = []
  /** Index in the queue of the latest progress of each task. */
  #progress = new Map<TaskId, number>()
  #lost = false
  /** Kilobytes of all events so far: now, when the oldest queued one was added, and for the current batch. */
  #heard = 0
  #waitingSince = 0
  #portionSince = 0
  readonly #news: News
  /** Unfinished tasks that match. */
  readonly #fitting = new Set<TaskId>()
  #wake: (() => void) | undefined

  constructor(filter: Filter, clock: Clock, news: News) {
    this.#filter = filter
    this.#news = news
    this.#throttle = new ProgressThrottle(clock, (event) => this.#put(event))
  }

  add(event: TaskEvent): void {
    this.#heard += kilobytesOf(event)
    const since = this.#portion.length > 0 ? this.#portionSince : this.#waitingSince
    if (this.#portion.length + this.#waiting.length > 0 && this.#heard - since > keptFor) this.#forget()
    if (event.kind === 'transition' && !this.#news.isNew(event)) return
    const isWanted = this.#wants(event)
    if (event.kind === 'progress') {
      if (isWanted) this.#throttle.add(event)
      return
    }
    if (event.kind === 'transition') {
      if (isWanted) this.#throttle.urge(event.id)
      else this.#throttle.forget(event.id)
    }
    if (isWanted) this.#put(event)
  }

  close(): void {
    this.#throttle.close()
  }

  #put(event: TaskEvent): void {
    if (this.#lost) return
    const place = event.kind === 'progress' ? this.#progress.get(event.id) : undefined
    if (place !== undefined) {
      this.#waiting[place] = event
      return
    }
    if (this.#waiting.length >= kept) this.#forget()
    else {
      if (this.#waiting.length === 0) this.#waitingSince = this.#heard
      if (event.kind === 'progress') this.#progress.set(event.id, this.#waiting.length)
      this.#waiting.push(event)
    }
    this.wake()
  }

  #forget(): void {
    this.#lost = true
    this.#waiting = []
    this.#portion = []
    this.#progress.clear()
  }

  /** The whole queue is taken as one batch, so that indexes into it stay valid. */
  next(): Change | undefined {
    if (this.#portion.length === 0) {
      this.#portionSince = this.#waitingSince
      this.#portion = this.#lost ? [{ kind: 'resync' }] : this.#waiting.toReversed()
      this.#lost = false
      this.#waiting = []
      this.#progress.clear()
    }
    return this.#portion.pop()
  }

  /** In reverse order. */
  #portion: Change[] = []

  wake(): void {
    this.#wake?.()
  }

  more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wants(event: TaskEvent): boolean {
    const { types, text: _, ...others } = this.#filter
    // Whether other events match is known even without a transition.
    const known = Object.values(others).every((part) => part === undefined)
    if (event.kind === 'transition') {
      const wanted = fits(event.task, this.#filter)
      if (known) return wanted
      if (wanted && !isTerminal(event.task.status) && this.#fitting.size < remembered) {
        this.#fitting.add(event.id)
      } else {
        this.#fitting.delete(event.id)
      }
      return wanted
    }
    if (types?.includes(event.type) === false) return false
    return known || this.#fitting.has(event.id)
  }
}

/** What it retains, roughly: a row, and the long texts of an error or log line. */
function kilobytesOf(event: TaskEvent): number {
  if (event.kind === 'progress') return 0.2
  if (event.kind === 'log') return 0.2 + event.message.length / 1_024
  const { error } = event.task
  return error === null ? 1 : 1 + (error.message.length + (error.stack?.length ?? 0)) / 1_024
}

type Transition = Extract<TaskEvent, { kind: 'transition' }>

/** Latest known versions of tasks: results of two commits may arrive out of order. One for all readers of a bus. */
class News {
  #recent = new Map<TaskId, number>()
  #older = new Map<TaskId, number>()
  /** The same result for all readers. */
  readonly #answers = new WeakMap<Transition, boolean>()

  isNew(event: Transition): boolean {
    const known = this.#answers.get(event)
    if (known !== undefined) return known
    const { id, entry } = event
    const isNew = entry.version > (this.#recent.get(id) ?? this.#older.get(id) ?? 0)
    this.#answers.set(event, isNew)
    if (!isNew) return false
    this.#recent.set(id, entry.version)
    if (this.#recent.size >= remembered) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    return true
  }
}

const allNews = new WeakMap<Bus, News>()

function newsOf(bus: Bus): News {
  let news = allNews.get(bus)
  if (news === undefined) {
    news = new News()
    allNews.set(bus, news)
  }
  return news
}

/** Whether tasks match the text; cached, since parameters never change and errors only arrive with a transition. */
class TextSearch {
  readonly #text: string
  readonly #look: Look
  readonly #searched: Searched
  readonly #known = new Map<TaskId, boolean>()

  constructor(text: string, look: Look, searched: Searched) {
    this.#text = text
    this.#look = look
    this.#searched = searched
  }

  async finds(event: TaskEvent): Promise<boolean> {
    const known = this.#known.get(event.id)
    const failed = event.kind === 'transition' && event.task.error !== null
    if (known === true || (known === false && !failed)) return known
    const record = await this.#look(event.id)
    const found = record !== null && this.#isFound(record)
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(event.id, found)
    return found
  }

  #isFound({ task, parameters }: TaskRecord): boolean {
    return matches(task, () => parameters, { text: this.#text }, this.#searched)
  }
}
