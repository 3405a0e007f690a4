import { TaskError } from './errors.ts'
import type { ErrorRecord, Json } from './task.ts'

/** What a step is stored under: its name, and which use of the name it is in a run, from 1. */
export type StepKey = Readonly<{ name: string; occurrence: number }>

export type StepStatus = 'completed' | 'failed'

/** A step as it is stored. A completed one stays; a failed one is replaced when it runs again. */
export type StepRecord = StepKey &
  Readonly<{
    status: StepStatus
    /** Calls of its function, in all runs that stored how it ended. */
    attempts: number
    startedAt: number
    finishedAt: number
    /** Null unless it is completed. */
    result: Json | null
    /** Null unless it has failed. */
    error: ErrorRecord | null
  }>

/** What a run reports about a step that has just ended. `took`: milliseconds since it began. */
export type StepReport = StepKey &
  Readonly<{ attempts: number; took: number }> &
  (Readonly<{ result: Json }> | Readonly<{ error: ErrorRecord }>)

/** What is known of a step when a run comes to it. */
export type Recalled =
  | Readonly<{ kind: 'completed'; result: Json }>
  /** `attempts`: calls of its function so far. */
  | Readonly<{ kind: 'open'; attempts: number }>
  | Readonly<{ kind: 'unreadable'; why: string }>
  /** The task has as many steps as it may have. */
  | Readonly<{ kind: 'full' }>

/** Characters of a name, and steps of a task. */
export const stepLimits = { name: 200, steps: 10_000 } as const

export class TooManySteps extends TaskError {
  readonly code = 'TOO_MANY_STEPS'

  constructor() {
    super(
      `A task stores at most ${stepLimits.steps} steps. Do more in each step, or submit the rest as further tasks.`,
    )
  }
}

export class StepTimeout extends TaskError {
  readonly code = 'STEP_TIMEOUT'

  constructor(name: string, timeout: number) {
    super(`The step ${JSON.stringify(name)} took longer than its timeout of ${timeout / 1_000} s.`)
  }
}

export function stepId({ name, occurrence }: StepKey): string {
  return `${occurrence} ${name}`
}

/** How people read it: the occurrence only matters for a name that is used again. */
export function stepTitle({ name, occurrence }: StepKey): string {
  return occurrence === 1 ? JSON.stringify(name) : `${JSON.stringify(name)} (${occurrence})`
}

/** Throws `TypeError` or `RangeError`. */
export function mustBeStepName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError('The name of a step must be text.')
  if (name === '' || name.length > stepLimits.name)
    throw new RangeError(`The name of a step must have 1 to ${stepLimits.name} characters.`)
}

/** Whether `next` replaces what is stored. */
export function replacesStep(stored: Pick<StepRecord, 'status'>): boolean {
  return stored.status !== 'completed'
}
