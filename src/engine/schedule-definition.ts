import { parseDuration } from '../core/duration.ts'
import { OptionsInvalid, type Issue } from '../core/errors.ts'
import { defaultCatchUp, type CatchUp, type Schedule, type ScheduleDefinition } from '../core/schedule.ts'
import type { Submission, TaskId } from '../core/task.ts'
import { timingIssues } from '../core/ticks.ts'
import type { Registry } from '../registry/registry.ts'
import { scheduleIdFault, type ScheduleDraft } from '../registry/schedule.ts'
import { submissionOf } from './submission.ts'

/** The longest jitter, in milliseconds. */
const longestJitter = 86_400_000
/** Runs that `pauseOnFailures` may look back on. */
export const mostFailures = 20
const descriptionLength = 500

/**
 * Validates a draft, with the parameters and options of its tasks. Throws `TypeUnknown`, `ParametersInvalid`, `OptionsInvalid`, `NotJson`
 * or `TooLarge`.
 */
export function definitionFrom(registry: Registry, draft: ScheduleDraft): ScheduleDefinition {
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => issues.push({ path, message })
  const duration = (path: string, value: number | string | undefined, fallback: number) => {
    if (value === undefined) return fallback
    const ms = parseDuration(value)
    if (ms === undefined) refuse(path, 'must be a duration: seconds, or text like "10m"')
    return ms ?? fallback
  }
  const moment = (path: string, value: Date | number | undefined) => {
    if (value === undefined) return null
    const at = Math.round(value instanceof Date ? value.getTime() : value * 1_000)
    if (!Number.isFinite(at) || at < 0 || at > lastMoment)
      refuse(path, 'must be a date, or a time in Unix seconds')
    return at
  }
  const { id, type, parameters = {}, options = {}, cron = [], every, pauseOnFailures = null } = draft
  const { overlap = 'skip', description = null, timezone = 'UTC' } = draft
  if (id !== undefined) {
    const fault = scheduleIdFault(id)
    if (fault !== undefined) refuse('id', fault)
  }
  if (description !== null && description.length > descriptionLength) {
    refuse('description', `must have at most ${descriptionLength} characters`)
  }
  if (
    pauseOnFailures !== null &&
    (!Number.isInteger(pauseOnFailures) || pauseOnFailures < 1 || pauseOnFailures > mostFailures)
  ) {
    refuse('pauseOnFailures', `must be a whole number from 1 to ${mostFailures}`)
  }
  const jitter = duration('jitter', draft.jitter, 0)
  if (jitter > longestJitter) refuse('jitter', 'must be at most a day')
  const timing = {
    cron: typeof cron === 'string' ? [cron] : cron,
    every: every === undefined ? null : duration('every', every, 0),
    offset: duration('offset', draft.offset, 0),
    timezone,
    from: moment('from', draft.from),
    until: moment('until', draft.until),
  }
  const mode = draft.catchUp?.mode ?? defaultCatchUp.mode
  const { max = defaultCatchUp.max, window } = draft.catchUp ?? {}
  if (!Number.isInteger(max) || max < 1 || max > 1_000) {
    refuse('catchUp.max', 'must be a whole number from 1 to 1000')
  }
  const catchUp: CatchUp = {
    mode,
    window:
      window === undefined && mode === 'all'
        ? null
        : duration('catchUp.window', window, defaultCatchUp.window ?? 0),
    max,
  }
  if (issues.length === 0) issues.push(...timingIssues(timing))
  if (issues.length > 0) throw new OptionsInvalid(issues)
  const submission = submissionOf(registry.get(type), parameters, options, '')
  return {
    ...timing,
    type,
    parameters: submission.parameters,
    options,
    jitter,
    overlap,
    catchUp,
    pauseOnFailures,
    description,
  }
}

const lastMoment = 8_640_000_000_000_000

/** The submission of a task of the schedule, by what its type says today. Throws if it no longer fits. */
export function scheduledSubmission(registry: Registry, schedule: Schedule, id: TaskId): Submission {
  const { type, parameters, options } = schedule
  return submissionOf(registry.get(type), JSON.parse(parameters), options, id)
}
