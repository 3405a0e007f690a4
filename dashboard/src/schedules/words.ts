import type { ScheduleDetails, TickDetails } from '../../../src/client/index.ts'
import type { Status } from '../data/shapes.ts'
import type { IconName } from '../kit/icons.ts'
import { say } from '../language/say.ts'

/** What happens to a tick while the last run has not ended. */
export const overlapNames: Readonly<Record<ScheduleDetails['overlap'], string>> = {
  skip: say.schedules.skipTheTick,
  buffer_one: say.schedules.letOneTickWait,
  buffer_all: say.schedules.letAllTicksWait,
  cancel_other: say.schedules.cancelThatRunThenStart,
  allow: say.schedules.startAnyway,
}

/** What happens to ticks that were missed. */
export const catchUpNames: Readonly<Record<ScheduleDetails['catch_up']['mode'], string>> = {
  latest: say.schedules.runTheLatestOne,
  all: say.schedules.runAllOfThem,
  skip: say.schedules.skipThem,
}

export const skipNames: Readonly<Record<NonNullable<TickDetails['skipped']>, string>> = {
  overlap: say.schedules.skippedOverlap,
  catch_up: say.schedules.skippedTooLate,
  paused: say.schedules.skippedPaused,
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
