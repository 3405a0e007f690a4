import { TaskUnknown } from '../core/errors.ts'
import { isActive, isTerminal, type TaskId } from '../core/task.ts'
import type { Bus } from '../journal/bus.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Store } from '../store/store.ts'

/**
 * Log lines queued for a slow reader; the oldest are dropped first. Transitions are always kept, and of progress the latest.
 */
const linesKept = 1_000

export type FeedOptions = Readonly<{ after?: number; signal?: AbortSignal }>

/**
 * Transitions of one task with a version above `after`, from the store and then from the bus, without gaps or duplicates;
 * progress and log lines in between. Ends after the final transition, or quietly with the signal or if the task was deleted.
 */
export async function* taskEvents(
  store: Store,
  bus: Bus,
  id: TaskId,
  { after = 0, signal }: FeedOptions,
): AsyncGenerator<TaskEvent, void, undefined> {
  const waiting = new EventQueue()
  let isDeleted = false
  const deleted = () => {
    isDeleted = true
    waiting.wake()
  }
  const stop = bus.onTask(id, (event) => waiting.add(event), deleted)
  const abort = () => waiting.wake()
  signal?.addEventListener('abort', abort)
  let version = after
  try {
    for (let missing = true; ;) {
      if (missing) {
        missing = false
        const found = await store.read(id)
        if (found === null) throw new TaskUnknown(id)
        for (const entry of found.timeline) {
          if (entry.version <= version) continue
          version = entry.version
          yield { kind: 'transition', id, task: found.task, entry }
        }
        if (isTerminal(found.task.status) && version >= found.task.version) return
        const { progress, type, status } = found.task
        // Without its rate, nobody can tell when it would end: it is not running.
        if (progress !== null) {
          const { rate, ...rest } = progress
          const isPaced = rate !== undefined && isActive(status)
          yield { kind: 'progress', id, type, progress: isPaced ? progress : rest }
        }
      }
      if (signal?.aborted === true) return
      const event = waiting.next()
      if (event === undefined) {
        if (isDeleted) return
        await waiting.more()
      } else if (event.kind !== 'transition') {
        yield event
      } else if (event.entry.version > version + 1) {
        missing = true
      } else if (event.entry.version > version) {
        version = event.entry.version
        yield event
        if (isTerminal(event.entry.status)) return
      }
    }
  } finally {
    stop()
    signal?.removeEventListener('abort', abort)
  }
}

/** A bounded queue of what a reader has not fetched yet. */
class EventQueue {
  #events: TaskEvent[] = []
  #lines = 0
  #wake: (() => void) | undefined

  add(event: TaskEvent): void {
    if (event.kind === 'progress' && this.#events.at(-1)?.kind === 'progress') this.#events.pop()
    if (event.kind === 'log' && ++this.#lines > linesKept) {
      this.#lines--
      this.#events.splice(
        this.#events.findIndex(({ kind }) => kind === 'log'),
        1,
      )
    }
    this.#events.push(event)
    this.wake()
  }

  next(): TaskEvent | undefined {
    const event = this.#events.shift()
    if (event?.kind === 'log') this.#lines--
    return event
  }

  wake(): void {
    this.#wake?.()
  }

  more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
