import { toErrorRecord } from '../core/error-record.ts'
import { TaskTimeout } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { retryDelay } from '../core/retry.ts'
import type { EndedBy, ErrorRecord, Task } from '../core/task.ts'
import type { Ended } from '../runtime/executor.ts'

/** Why the signal of a run was aborted. */
export type StopReason = 'cancel' | 'timeout' | 'unwind'

/** What decides whether a failure or a loss is tried again, and when. */
export type Budget = Readonly<{ task: Task; random: () => number; poisonLimit: number }>

/** What becomes of a task whose code has stopped. Work that is done wins over every reason to stop. */
export function outcomeOf(
  ended: Ended,
  stopped: StopReason | undefined,
  unwindWhy: string,
  budget: Budget,
): Outcome {
  if (ended.kind === 'returned') return { kind: 'completed', result: ended.result }
  if (ended.kind === 'given-back' && stopped === undefined) return { kind: 'released', why: ended.why }
  if (ended.kind === 'died') return { kind: 'lost', why: ended.why, poisonLimit: budget.poisonLimit }
  const endedBy = endedByOf(ended)
  switch (stopped) {
    case 'cancel':
      return { kind: 'cancelled', endedBy }
    case 'unwind':
      return { kind: 'released', why: unwindWhy }
    case 'timeout':
      return failure(timeoutRecord(budget.task), budget, { endedBy })
    case undefined:
      if (ended.kind === 'threw') return failure(ended.error, budget, { final: ended.final })
      return { kind: 'lost', why: 'its code was ended by force', poisonLimit: budget.poisonLimit }
  }
}

function endedByOf(ended: Exclude<Ended, { kind: 'returned' | 'died' }>): EndedBy {
  if (ended.kind === 'killed') return ended.how
  return ended.kind === 'given-back' && ended.forced ? 'killed' : 'cooperative'
}

export function timeoutRecord(task: Task): ErrorRecord {
  return toErrorRecord(new TaskTimeout(task.timeout ?? 0))
}

export function failure(
  error: ErrorRecord,
  { task, random }: Budget,
  { final = false, endedBy }: Readonly<{ final?: boolean; endedBy?: EndedBy }>,
): Outcome {
  const { backoff, failures, maxAttempts } = task
  return {
    kind: 'failed',
    error,
    retryIn: final ? null : retryDelay(backoff, failures + 1, maxAttempts, random()),
    ...(endedBy === undefined ? {} : { endedBy }),
  }
}
