import { isTerminal, type Task, type TaskId } from '../core/task.ts'
import type { Bus } from '../events/bus.ts'
import type { Store } from '../store/store.ts'
import { TaskUnknown } from '../core/errors.ts'

/** Waits for the end of a task. Throws `TaskUnknown`, or the signal's reason. */
export async function ended(store: Store, bus: Bus, id: TaskId, signal?: AbortSignal): Promise<Task> {
  signal?.throwIfAborted()
  let stop = () => {}
  let aborted = () => {}
  try {
    return await new Promise<Task>((resolve, reject) => {
      aborted = () => reject(signal?.reason as Error)
      signal?.addEventListener('abort', aborted)
      stop = bus.onTask(id, (event) => {
        if (event.kind === 'transition' && isTerminal(event.task.status)) resolve(event.task)
      })
      // It may have ended before anyone listened.
      store.get(id).then((task) => {
        if (task === null) reject(new TaskUnknown(id))
        else if (isTerminal(task.status)) resolve(task)
      }, reject)
    })
  } finally {
    stop()
    signal?.removeEventListener('abort', aborted)
  }
}
