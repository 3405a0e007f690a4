import { bucketOf } from '../core/limits.ts'
import { isActive, isQueuing, type Fence, type NodeId, type Task, type TaskId } from '../core/task.ts'
import { laneIdOf } from './columns.ts'
import type { TaskRow } from './task-row.ts'

/**
 * A slot of a bucket. `fence` is 0 while the task itself holds it, and the fence of the run once that is fenced off: then it is
 * held until that code has stopped.
 */
export type LimitSlot = Readonly<{ bucket: string; taskId: TaskId; fence: Fence; node: NodeId }>

/** A task that waits for a bucket. */
export type QueuePlace = Readonly<{ bucket: string; taskId: TaskId }>

/** What the changes of rows do to lanes and slots, in all SQL stores. Written with them, so neither can differ from the tasks. */
export type SlotChanges = Readonly<{
  /** Lanes that a task has entered, or left other than by a claim: the next claim looks at them. */
  lanes: readonly string[]
  taken: readonly LimitSlot[]
  /** Buckets whose queue a task has entered, or left. */
  entered: readonly QueuePlace[]
  left: readonly QueuePlace[]
  /** These tasks no longer hold slots of their own. */
  freed: readonly TaskId[]
  /** What these tasks held is now held by a run of that fence. */
  fencedOff: readonly Readonly<{ taskId: TaskId; fence: Fence }>[]
}>

export function slotChanges(rows: readonly TaskRow[]): SlotChanges | undefined {
  const limited = rows.filter(({ before }) => before.admission !== null)
  if (limited.length === 0) return undefined
  const taken: LimitSlot[] = []
  const entered: QueuePlace[] = []
  const left: QueuePlace[] = []
  const freed: TaskId[] = []
  const fencedOff: { taskId: TaskId; fence: Fence }[] = []
  for (const { before, task, fencedOff: fenced = [] } of limited) {
    const { id: taskId } = task
    const [held, holds] = [isActive(before.status), isActive(task.status)]
    const buckets = before.admission!.limits.map(bucketOf)
    if (buckets.length === 0) continue
    const [waited, waits] = [isQueuing(before), isQueuing(task)]
    if (waited !== waits) (waits ? entered : left).push(...buckets.map((bucket) => ({ bucket, taskId })))
    const take = (fence: Fence, node: NodeId) =>
      taken.push(...buckets.map((bucket) => ({ bucket, taskId, fence, node })))
    const [first, ...others] = fenced
    if (held && !holds) {
      if (first === undefined) freed.push(taskId)
      else fencedOff.push({ taskId, fence: first.fence })
    } else if (first !== undefined) {
      take(first.fence, first.node)
    }
    for (const { fence, node } of others) take(fence, node)
    if (!held && holds) take(0, task.ownerNode ?? '')
  }
  return { lanes: [...new Set(limited.flatMap(lanesTouched))], entered, left, taken, freed, fencedOff }
}

/** What new tasks wait for. */
export function queueEntered(tasks: readonly Task[]): QueuePlace[] {
  return tasks.flatMap((task) =>
    isQueuing(task)
      ? (task.admission?.limits ?? []).map((limit) => ({ bucket: bucketOf(limit), taskId: task.id }))
      : [],
  )
}

/** The lane of a new task. */
export function lanesEntered(tasks: readonly Task[]): string[] {
  return [...new Set(tasks.flatMap((task) => laneIdOf(task) ?? []))]
}

/** A claim keeps the lanes it takes from up to date itself. */
function lanesTouched({ before, task, isDeleted }: TaskRow): string[] {
  const [from, to] = [laneIdOf(before), isDeleted ? null : laneIdOf(task)]
  const isClaimed = from !== null && task.status === 'running'
  return from === to || isClaimed ? [] : [from, to].filter((lane) => lane !== null)
}
