import type { Ended, Stop } from './attempt-machine.ts'
import { toErrorRecord } from './error-record.ts'
import { TaskTimeout } from './errors.ts'
import type { Outcome } from './outcome.ts'
import { retryDelay } from './retry.ts'
import type { EndedBy, ErrorRecord, Task } from './task.ts'

/** What decides whether a failure or a loss is retried, and when. */
export type Budget = Readonly<{ task: Task; random: () => number; poisonLimit: number }>

/** The outcome of a task whose code has stopped. Finished work outranks every reason to stop. */
export function outcomeOf(ended: Ended, stop: Stop | null, budget: Budget): Outcome {
  if (ended.kind === 'returned') return { kind: 'completed', result: ended.result }
  if (ended.kind === 'given-back' && stop === null) return { kind: 'released', why: ended.why }
  if (ended.kind === 'died') return { kind: 'lost', why: ended.why, poisonLimit: budget.poisonLimit }
  if (stop !== null) return stoppedOutcome(stop, endedByOf(ended), budget)
  if (ended.kind === 'threw') return failure(ended.error, budget, { final: ended.final })
  return { kind: 'lost', why: 'its code was killed', poisonLimit: budget.poisonLimit }
}

/** The outcome of a task that was told to stop, whether or not its code has obeyed. */
export function stoppedOutcome(stop: Stop, endedBy: EndedBy, budget: Budget): Outcome {
  switch (stop.kind) {
    case 'cancel':
      return { kind: 'cancelled', endedBy }
    case 'unwind':
      return { kind: 'released', why: stop.why }
    case 'timeout':
      return failure(toErrorRecord(new TaskTimeout(budget.task.timeout ?? 0)), budget, { endedBy })
  }
}

function endedByOf(ended: Exclude<Ended, { kind: 'returned' | 'died' }>): EndedBy {
  if (ended.kind === 'killed') return ended.how
  return ended.kind === 'given-back' && ended.forced ? 'killed' : 'cooperative'
}

function failure(
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
