import type { ScheduleDetails } from '../../../src/client/index.ts'
import { ticksBetween, type Timing } from '../../../src/core/ticks.ts'

/** A tick that is planned. `at`: Unix seconds. */
export type Planned = Readonly<{ at: number; schedule: ScheduleDetails }>

export type Day = Readonly<{ start: Date; planned: readonly Planned[] }>

/** `often`: schedules that tick too often on some day to list their ticks. */
export type Week = Readonly<{ days: readonly Day[]; often: readonly ScheduleDetails[] }>

/** Ticks of a schedule that a day lists. */
const mostADay = 8

/** The start of the week, a Monday, in the reader's time zone. `date`: YYYY-MM-DD; the current week without one. */
export function mondayOf(date: string | null, now: Date): Date {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(date ?? '') ?? []
  const given = year === undefined ? now : new Date(Number(year), Number(month) - 1, Number(day))
  return new Date(given.getFullYear(), given.getMonth(), given.getDate() - ((given.getDay() + 6) % 7))
}

/** The day this many days later, however long the days between are. */
export function laterBy(days: number, from: Date): Date {
  return new Date(from.getFullYear(), from.getMonth(), from.getDate() + days)
}

/** YYYY-MM-DD, in the reader's time zone. */
export function dateOf(day: Date): string {
  const two = (part: number) => String(part).padStart(2, '0')
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`
}

/** What ticks in the seven days from `monday`. Paused schedules do not tick, and none did before it was created. */
export function weekOf(schedules: readonly ScheduleDetails[], monday: Date): Week {
  const starts = Array.from({ length: 8 }, (_, index) => laterBy(index, monday))
  const planned: Planned[][] = starts.slice(1).map(() => [])
  const often: ScheduleDetails[] = []
  for (const schedule of schedules) {
    if (schedule.paused) continue
    const ofDays = planned.map((_, day) => ticksOn(schedule, starts[day]!, starts[day + 1]!))
    if (ofDays.some((ticks) => ticks.length > mostADay)) often.push(schedule)
    else ofDays.forEach((ticks, day) => planned[day]!.push(...ticks.map((at) => ({ at, schedule }))))
  }
  return {
    days: planned.map((ticks, day) => ({
      start: starts[day]!,
      planned: ticks.toSorted((a, b) => a.at - b.at || (a.schedule.id < b.schedule.id ? -1 : 1)),
    })),
    often,
  }
}

/** In Unix seconds: at most one more than a day lists. */
function ticksOn(schedule: ScheduleDetails, start: Date, end: Date): number[] {
  const after = Math.max(start.getTime() - 1, schedule.created_at * 1_000)
  return ticksBetween(timingOf(schedule), after, end.getTime() - 1, mostADay + 1).map((at) => at / 1_000)
}

function timingOf({ cron, every, offset, timezone, from, until }: ScheduleDetails): Timing {
  const milliseconds = (seconds: number | null) => (seconds === null ? null : seconds * 1_000)
  return {
    cron: cron ?? [],
    every: milliseconds(every),
    offset: offset * 1_000,
    timezone,
    from: milliseconds(from),
    until: milliseconds(until),
  }
}
