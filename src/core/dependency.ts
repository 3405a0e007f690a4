import type { ErrorRecord, FailurePolicy, Status, TaskId } from './task.ts'

/** A task waits for the end of another one, and that end has not been counted yet. */
export type Edge = Readonly<{ predecessor: TaskId; successor: TaskId; onFailure: FailurePolicy }>

/** Maximum predecessors of a task, and of all tasks of one submit. */
export const predecessorLimits = { ofTask: 10_000, ofSubmit: 100_000 } as const

/** Why a finished task is not deleted, as a clause. */
export const awaitedReason = 'its end has not been counted yet for all tasks that wait for it'

/** How a predecessor ended. */
export type Ended = Readonly<{ predecessor: TaskId; status: Status; onFailure: FailurePolicy }>

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
