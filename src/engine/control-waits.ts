import { sleep, type Clock } from '../core/clock.ts'
import type { Status, Task, TaskId } from '../core/task.ts'
import type { Bus } from '../journal/bus.ts'

/** The control has not taken effect yet, so its response waits. A resumed task counts as settled once a claim was attempted. */
const unsettled: ReadonlySet<Status> = new Set(['pausing', 'cancelling', 'queued'])

export type ControlWatch = Readonly<{
  stop: () => void
  /** The newest row once the control has taken effect, `claimed` has resolved, or `wait` ms have passed. */
  after: (task: Task, wait: number, claimed?: Promise<void>, signal?: AbortSignal) => Promise<Task>
}>

/** Listens for the newest row of a task, starting before its control is written. */
export function watchControl(bus: Bus, clock: Clock, id: TaskId): ControlWatch {
  let newest: Task | undefined
  let changed = () => {}
  const stop = bus.onTask(id, (event) => {
    if (event.kind !== 'transition') return
    newest = event.task
    changed()
  })
  const after: ControlWatch['after'] = async (task, wait, claimed, signal) => {
    const row = () => (newest !== undefined && newest.version > task.version ? newest : task)
    const over = new AbortController()
    const settled = new Promise<void>((resolve) => {
      changed = () => {
        if (!unsettled.has(row().status)) resolve()
      }
      changed()
      void claimed?.then(resolve)
    })
    const ends = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
    await Promise.race([settled, sleep(clock, wait, ends).catch(() => undefined)])
    over.abort()
    return row()
  }
  return { stop, after }
}
