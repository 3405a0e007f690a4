import {
  failurePolicies,
  type ErrorRecord,
  type FailurePolicy,
  type Status,
  type Submission,
  type TaskId,
} from './task.ts'

/**
 * The end of one task concerns another one, and has not been counted for it yet: the successor waits for it before it starts, is a child
 * of the predecessor, or is the parent whose handler waits for it.
 */
export type Edge = Readonly<{ predecessor: TaskId; successor: TaskId; onFailure: EdgePolicy }>

/** What the end of a parent does to a child: it is cancelled, or only no longer kept for the parent. */
export const parentPolicies = ['stop_child', 'leave_child'] as const

/**
 * When the end of a child is news for its parent: if it has not completed, if it has, if it is the last one, or always. The last one
 * always is.
 */
export const joinPolicies = ['join_all', 'join_any', 'join_settled', 'join_each'] as const
export type JoinPolicy = (typeof joinPolicies)[number]

export type EdgePolicy = FailurePolicy | (typeof parentPolicies)[number] | JoinPolicy

/** The successor does not start before the predecessor has ended. */
export function holdsBack({ onFailure }: Pick<Edge, 'onFailure'>): boolean {
  return (failurePolicies as readonly EdgePolicy[]).includes(onFailure)
}

/** The predecessor is a child of the successor, whose handler waits for it. */
export function isOfJoin({ onFailure }: Pick<Edge, 'onFailure'>): boolean {
  return (joinPolicies as readonly EdgePolicy[]).includes(onFailure)
}

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

/** The end of a child that its parent must look at; undefined if it waits on. `isLast`: it waits for no others. */
export function decisiveEnd(ended: readonly Ended[], isLast: boolean): Ended | undefined {
  const joined = ended.filter(isOfJoin)
  const decisive = joined.find(
    ({ status, onFailure }) =>
      onFailure === 'join_each' ||
      (onFailure === 'join_all' && status !== 'completed') ||
      (onFailure === 'join_any' && status === 'completed'),
  )
  return decisive ?? (isLast ? joined.at(-1) : undefined)
}

/** As a clause. */
export function endReason({ predecessor, status }: Ended): string {
  const ended =
    status === 'completed' ? 'has completed' : status === 'failed' ? 'has failed' : 'was cancelled'
  return `its child, task ${predecessor}, ${ended}`
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
