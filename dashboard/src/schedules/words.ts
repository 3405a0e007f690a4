import type { ScheduleDetails, TickDetails } from '../../../src/client/index.ts'
import type { Status } from '../data/shapes.ts'
import type { IconName } from '../kit/icons.ts'

/** What happens to a tick while the last run has not ended. */
export const overlapNames: Readonly<Record<ScheduleDetails['overlap'], string>> = {
  skip: 'Skip the tick',
  buffer_one: 'Let one tick wait',
  buffer_all: 'Let all ticks wait',
  cancel_other: 'Cancel that run, then start',
  allow: 'Start anyway',
}

/** What happens to ticks that were missed. */
export const catchUpNames: Readonly<Record<ScheduleDetails['catch_up']['mode'], string>> = {
  latest: 'Run the latest one',
  all: 'Run all of them',
  skip: 'Skip them',
}

export const skipNames: Readonly<Record<NonNullable<TickDetails['skipped']>, string>> = {
  overlap: 'skipped: the run before had not ended',
  catch_up: 'skipped: too late',
  paused: 'skipped: paused',
}

/** The status of a run at a glance, apart from its color. */
export const runIcons: Readonly<Record<Status, IconName>> = {
  waiting: 'clock',
  scheduled: 'clock',
  queued: 'clock',
  running: 'play',
  pausing: 'pause',
  paused: 'pause',
  cancelling: 'stop',
  completed: 'check',
  failed: 'close',
  cancelled: 'stop',
}

export function selectable<Value extends string>(
  names: Readonly<Record<Value, string>>,
): { value: Value; label: string }[] {
  return (Object.keys(names) as Value[]).map((value) => ({ value, label: names[value] }))
}

/** The time zone in which its times are shown; intervals have none, and are shown in the reader's. */
export function zoneOf({ cron, timezone }: Pick<ScheduleDetails, 'cron' | 'timezone'>): string | undefined {
  return cron === null ? undefined : timezone
}
