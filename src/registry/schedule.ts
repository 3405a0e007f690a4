import { DefinitionInvalid } from '../core/errors.ts'
import type { CatchUpMode, Overlap } from '../core/schedule.ts'
import type { Duration } from './context.ts'
import type { BackoffOptions } from './options.ts'
import type { TaskType } from './type.ts'

/** When and how tasks of a type are submitted. Durations are seconds or strings with units; times are dates or Unix seconds. */
export type ScheduleDraft = Readonly<{
  /** Letters, digits, `_`, `-` and `.`, at most 100. */
  id?: string
  /** Name of the type. */
  type: string
  parameters?: unknown
  /** Options of its tasks, as of a submit. */
  options?: Readonly<{
    priority?: number
    timeout?: Duration
    expiresIn?: Duration
    maxAttempts?: number
    backoff?: Duration | BackoffOptions
    tags?: readonly string[]
    /** Keys by the names of limits, in place of those that the type computes from the parameters. */
    limits?: Readonly<Record<string, string>>
    /** Within a priority, tasks with different keys take turns. */
    fairnessKey?: string
    /** Told of the end of each task, as of a submit. */
    callbackUrl?: string
  }>
  /** Expressions of five fields, or six with seconds first; it ticks whenever one of them does. Excludes `every`. */
  cron?: string | readonly string[]
  /** Time between ticks, counted from 1970-01-01T00:00Z: whole seconds. Excludes `cron`. */
  every?: Duration
  /** Shifts the ticks of `every`. */
  offset?: Duration
  /** IANA name of the time zone of `cron`. Default `UTC`. */
  timezone?: string
  /** No tick before this time. */
  from?: Date | number
  /** No tick after this time. */
  until?: Date | number
  /** Each task starts up to this long after its tick. */
  jitter?: Duration
  /** What to do with a tick while a task of the schedule is unfinished. Default `skip`. */
  overlap?: Overlap
  /** What to do with ticks that nobody could carry out at their time. Default: the latest, if it is at most an hour late. */
  catchUp?: Readonly<{
    mode?: CatchUpMode
    /** Ticks that are later are skipped. Default one hour; for `all`: none is too late. */
    window?: Duration
    /** For `all`: how many missed ticks run, the newest ones. Default 100. */
    max?: number
  }>
  /** Created without ticking. */
  paused?: boolean
  /** Failed runs in a row after which the schedule pauses itself. */
  pauseOnFailures?: number
  description?: string
}>

/** Marks a value as a schedule, whichever copy of this program created it. */
const brand: unique symbol = Symbol.for('fermata.schedule') as never

/** A schedule defined in code. Created by `defineSchedule`. */
export type DefinedSchedule = ScheduleDraft & Readonly<{ id: string; [brand]: true }>

/**
 * A schedule that every node which loads it keeps as it is defined here. Its id identifies it: a schedule with this id that a person has
 * made or changed is left alone. Throws `DefinitionInvalid`.
 */
export function defineSchedule<Input, State, Result>(
  schedule: Omit<ScheduleDraft, 'id' | 'type' | 'parameters'> &
    Readonly<{ id: string; type: string | TaskType<Input, State, Result>; parameters?: NoInfer<Input> }>,
): DefinedSchedule {
  const type = typeof schedule.type === 'string' ? schedule.type : schedule.type.type
  const fault = scheduleIdFault(schedule.id)
  if (fault !== undefined)
    throw new DefinitionInvalid(`schedule ${JSON.stringify(schedule.id)}: its id ${fault}`)
  return Object.freeze({ ...schedule, type, [brand]: true as const })
}

export function isDefinedSchedule(value: unknown): value is DefinedSchedule {
  return typeof value === 'object' && value !== null && brand in value
}

/** Why this cannot be the id of a schedule; undefined if it can. */
export function scheduleIdFault(id: unknown): string | undefined {
  if (typeof id === 'string' && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(id)) return undefined
  return 'must have 1 to 100 letters, digits, "_", "-" or "."'
}
