import type { TaskFilter, TaskStatus } from '../../client/index.ts'
import type { Session } from '../session.ts'
import { Interrupts, Left } from './interrupt.ts'
import { after, rowOf, type Row } from './row.ts'
import type { View } from './view.ts'
import { viewOf, type Watching } from './watch.ts'

/** Statuses of tasks with a slot. */
export const active = ['running', 'pausing', 'cancelling'] as const

/** Milliseconds for which a task is still shown after it left its slot. */
const linger = 2_000

/** Maximum number of tasks; a terminal has fewer lines. */
const most = 1_000

/** Shows all running tasks until interrupted. */
export async function watchAll(session: Session, filter: TaskFilter, watching: Watching): Promise<void> {
  const abort = new AbortController()
  const { signal } = abort
  using view = viewOf(session, watching, 'No running tasks. Press Ctrl+C to quit.')
  using _ = new Interrupts({
    policy: 'leave',
    ask: () => {},
    cancel: () => {},
    leave: (left) => abort.abort(left),
  })
  session.onAway = (error) => view.away(error)
  const options = { ...session.last(), signal }
  const crowd = new Crowd(view)
  const look = async () => {
    const { tasks } = await session.client.listTasks(
      { ...filter, status: active, order: 'oldest', limit: most },
      options,
    )
    crowd.see(tasks)
  }
  try {
    for await (const change of session.client.changes(filter, options)) {
      view.away(undefined)
      if (change.kind === 'resync') await look()
      else if (crowd.has(change.task_id)) crowd.change(change)
      else if (change.kind === 'transition' && isActive(change.status)) {
        const task = await session.client.getTaskStatus(change.task_id, options).catch((error: unknown) => {
          signal.throwIfAborted()
          void error
          return undefined
        })
        if (task !== undefined) crowd.see([task], false)
      }
    }
  } catch (error) {
    if (!(error instanceof Left)) throw error
  } finally {
    crowd.stop()
  }
}

/** The rows of tasks that are running or just were. */
class Crowd {
  readonly #view: View
  readonly #rows = new Map<string, Row>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(view: View) {
    this.#view = view
  }

  has(id: string): boolean {
    return this.#rows.has(id)
  }

  /** `all`: tasks not among them are no longer running. */
  see(tasks: readonly TaskStatus[], all = true): void {
    const now = Date.now()
    const seen = new Set(tasks.map(({ task_id }) => task_id))
    if (all) for (const id of this.#rows.keys()) if (!seen.has(id)) this.#drop(id)
    for (const task of tasks) this.#show(rowOf(task, now))
  }

  change(event: Parameters<typeof after>[1]): void {
    const row = this.#rows.get(event.task_id)
    if (row !== undefined) this.#show(after(row, event, Date.now()), event)
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #show(row: Row, event?: Parameters<typeof after>[1]): void {
    this.#rows.set(row.id, row)
    this.#view.show(row, event)
    const timer = this.#timers.get(row.id)
    if (isActive(row.status)) {
      clearTimeout(timer)
      this.#timers.delete(row.id)
    } else if (timer === undefined) {
      this.#timers.set(
        row.id,
        setTimeout(() => this.#drop(row.id), linger),
      )
    }
  }

  #drop(id: string): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#rows.delete(id)
    this.#view.drop(id)
  }
}

function isActive(status: string): boolean {
  return (active as readonly string[]).includes(status)
}
