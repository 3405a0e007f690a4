import { TaskUnknown } from '../core/errors.ts'
import { idPartOf } from '../core/short-id.ts'
import type { TaskId } from '../core/task.ts'
import type { TaskManagerApi } from '../engine/api.ts'

/** Whether a text can be an id; any text may appear in its place. */
export function isId(text: string): boolean {
  return /^[\w-]{1,64}$/.test(text)
}

/** The id that a text names, whether the task exists or not. Throws `TaskUnknown` and `TaskIdAmbiguous`. */
export async function wholeTaskId(manager: TaskManagerApi, text: string): Promise<TaskId> {
  if (idPartOf(text) !== undefined) return manager.resolve(text)
  if (isId(text)) return text
  throw new TaskUnknown(text)
}
