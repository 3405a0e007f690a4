import type { ErrorRecord, FailurePolicy, Status, Submission, TaskId } from './task.ts'

/**
 * The end of one task concerns another one, and has not been counted for it yet: the successor waits for it, or it is a child of the
 * predecessor.
 */
export type Edge = Readonly<{ predecessor: TaskId; successor: TaskId; onFailure: EdgePolicy }>

/** What the end of a parent does to a child: it is cancelled, or only no longer kept for the parent. */
export const parentPolicies = ['stop_child', 'leave_child'] as const
export type EdgePolicy = FailurePolicy | (typeof parentPolicies)[number]

/** The successor is a child of the predecessor, and does not wait for it. */
export function isOfParent({ onFailure }: Pick<Edge, 'onFailure'>): boolean {
  return onFailure === 'stop_child' || onFailure === 'leave_child'
}

/** The edge through which the end of a parent reaches a child, if the submit has a parent. */
export function linkOf({ parent }: Pick<Submission, 'parent'>, successor: TaskId): readonly Edge[] {
  if (parent === undefined) return []
  return [
    {
      predecessor: parent.id,
      successor,
      onFailure: parent.onEnd === 'cancel' ? 'stop_child' : 'leave_child',
    },
  ]
}

/** Maximum predecessors of a task, and of all tasks of one submit. */
export const predecessorLimits = { ofTask: 10_000, ofSubmit: 100_000 } as const

/** Why a finished task is not deleted, as a clause. */
export const awaitedReason = 'its end has not been counted yet for all tasks that wait for it'

/** How a predecessor ended. */
export type Ended = Readonly<{ predecessor: TaskId; status: Status; onFailure: EdgePolicy }>

/** Whether a new task must wait for this predecessor. One that failed before the submit counts like one that fails later. */
export function mustWaitFor(status: Status, onFailure: FailurePolicy): boolean {
  return status !== 'completed' && !(onFailure === 'run' && (status === 'failed' || status === 'cancelled'))
}

/** The first predecessor whose end decides the fate of its successor. */
export function decisiveFailure(ended: readonly Ended[]): Ended | undefined {
  return ended.find(({ status, onFailure }) => status !== 'completed' && onFailure !== 'run')
}

/** As a clause. */
export function failureReason({ predecessor, status }: Ended): string {
  return `task ${predecessor}, for which it waited, ${status === 'failed' ? 'has failed' : 'was cancelled'}`
}

export function failureOf(ended: Ended): ErrorRecord {
  const reason = failureReason(ended)
  return {
    code: 'PREDECESSOR_FAILED',
    name: 'PredecessorFailed',
    message: `${reason[0]!.toUpperCase()}${reason.slice(1)}.`,
  }
}
