import type { Submission, Task, TaskId } from '../core/task.ts'

export type KeysChecked =
  /** `known`: the tasks that earlier submits with the same keys made, by index. `wanted`: how many tasks are new. */
  | Readonly<{ kind: 'fine'; known: ReadonlyMap<number, Task>; wanted: number }>
  | Readonly<{ kind: 'conflict'; index: number; id: TaskId }>

/** Holds the idempotency keys of a batch against the tasks that have them, and against each other. */
export function checkKeys(
  submissions: readonly Submission[],
  holderOf: (key: string) => Task | undefined,
): KeysChecked {
  const known = new Map<number, Task>()
  const fresh = new Map<string, Submission>()
  let wanted = 0
  for (const [index, submission] of submissions.entries()) {
    const key = submission.idempotencyKey
    if (key === null) {
      wanted++
      continue
    }
    const earlier = holderOf(key)
    const holder = earlier ?? fresh.get(key)
    if (holder !== undefined && holder.requestHash !== submission.requestHash) {
      return { kind: 'conflict', index, id: holder.id }
    }
    if (earlier !== undefined) known.set(index, earlier)
    else if (!fresh.has(key)) fresh.set(key, submission)
  }
  return { kind: 'fine', known, wanted: wanted + fresh.size }
}
