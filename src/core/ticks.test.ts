import { Temporal } from '@js-temporal/polyfill'
import { describe, expect, test } from 'vitest'
import { jitterOf, newestTicks, nextTick, ticksBetween, timingIssues, type Timing } from './ticks.ts'

const timing = (given: Partial<Timing>): Timing => ({
  cron: [],
  every: null,
  offset: 0,
  timezone: 'UTC',
  from: null,
  until: null,
  ...given,
})
const at = (text: string) => Date.parse(text)
const texts = (ticks: readonly number[]) => ticks.map((tick) => new Date(tick).toISOString().slice(0, 19))

/** A pattern as croner reads it, and the same in other words. */
type Pattern = Readonly<{
  cron: string
  on?: (date: Temporal.PlainDate) => boolean
  hours: readonly number[]
  minutes: readonly number[]
  /** Finer than an hour, or every hour: it runs through gaps and folds. */
  runsThrough?: true
}>

const all = Array.from({ length: 24 }, (_, hour) => hour)
const patterns: readonly Pattern[] = [
  { cron: '30 2 * * *', hours: [2], minutes: [30] },
  { cron: '0 0 * * *', hours: [0], minutes: [0] },
  { cron: '15 1,2,3 * * *', hours: [1, 2, 3], minutes: [15] },
  {
    cron: '30 */2 * * 1-5',
    on: ({ dayOfWeek }) => dayOfWeek <= 5,
    hours: all.filter((hour) => hour % 2 === 0),
    minutes: [30],
  },
  { cron: '0 12 29 2 *', on: ({ month, day }) => month === 2 && day === 29, hours: [12], minutes: [0] },
  { cron: '59 23 L * *', on: ({ day, daysInMonth }) => day === daysInMonth, hours: [23], minutes: [59] },
  { cron: '5 3 * * SUN', on: ({ dayOfWeek }) => dayOfWeek === 7, hours: [3], minutes: [5] },
  { cron: '0 * * * *', hours: all, minutes: [0], runsThrough: true },
  { cron: '*/20 * * * *', hours: all, minutes: [0, 20, 40], runsThrough: true },
  { cron: '*/15 2 * * *', hours: [2], minutes: [0, 15, 30, 45], runsThrough: true },
  {
    cron: '0,30 1-3 * * 0',
    on: ({ dayOfWeek }) => dayOfWeek === 7,
    hours: [1, 2, 3],
    minutes: [0, 30],
    runsThrough: true,
  },
]

const zones = [
  'UTC',
  'Europe/Berlin',
  'Australia/Sydney',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'America/New_York',
  'America/St_Johns',
  'Africa/Casablanca',
  'Asia/Tehran',
  'Pacific/Chatham',
  'Pacific/Apia',
  'Asia/Kathmandu',
]

const begin = Temporal.PlainDate.from('2016-01-01')
const days = 1_827

/** The days of a zone, each with its offset in milliseconds; null if it changes on this day. */
function daysOf(zone: string): Readonly<{ date: Temporal.PlainDate; offset: number | null }>[] {
  const midnights = Array.from({ length: days + 2 }, (_, index) =>
    begin.add({ days: index }).toZonedDateTime(zone),
  )
  return midnights.slice(0, days).map((midnight, index) => {
    const next = midnights[index + 1]!
    const isEven =
      midnight.offsetNanoseconds === next.offsetNanoseconds &&
      next.epochMilliseconds - midnight.epochMilliseconds === 86_400_000
    return {
      date: midnight.toPlainDate(),
      offset: isEven ? midnight.offsetNanoseconds / 1_000_000 : null,
    }
  })
}

/** The instants of a local time: none in a gap, two in a fold. `gapEnd`: the end of the gap it is in. */
function instantsOf(
  local: Temporal.PlainDateTime,
  zone: string,
): Readonly<{ instants: number[]; gapEnd?: number }> {
  const [earlier, later] = (['earlier', 'later'] as const).map((disambiguation) =>
    local.toZonedDateTime(zone, { disambiguation }),
  )
  if (earlier!.toPlainDateTime().equals(local)) {
    return { instants: [...new Set([earlier!.epochMilliseconds, later!.epochMilliseconds])] }
  }
  const transition = earlier!.toInstant().subtract({ hours: 48 }).toZonedDateTimeISO(zone)
  let end = transition.getTimeZoneTransition('next')!
  while (end.add({ hours: 0 }).toPlainDateTime().since(local).sign < 0)
    end = end.getTimeZoneTransition('next')!
  return { instants: [], gapEnd: end.epochMilliseconds }
}

/** The ticks of a pattern in a zone, computed day by day. */
function expected(pattern: Pattern, zone: string, calendar: ReturnType<typeof daysOf>): number[] {
  const found = new Set<number>()
  for (const { date, offset } of calendar) {
    if (pattern.on !== undefined && !pattern.on(date)) continue
    for (const hour of pattern.hours) {
      for (const minute of pattern.minutes) {
        if (offset !== null) {
          found.add(Date.UTC(date.year, date.month - 1, date.day, hour, minute) - offset)
          continue
        }
        const { instants, gapEnd } = instantsOf(date.toPlainDateTime({ hour, minute }), zone)
        if (pattern.runsThrough === true) for (const instant of instants) found.add(instant)
        else found.add(instants[0] ?? gapEnd!)
      }
    }
  }
  return [...found].sort((a, b) => a - b)
}

describe.each(zones)('over five years in %s', (zone) => {
  const calendar = daysOf(zone)
  /** Patterns with many ticks are compared around each change of the offset only. */
  const around = calendar.filter((_, index) =>
    calendar.slice(Math.max(0, index - 2), index + 3).some(({ offset }) => offset === null),
  )
  test.each(patterns)('ticks of $cron are those of an independent computation', (pattern) => {
    const given = timing({ cron: [pattern.cron], timezone: zone })
    const isDense = pattern.hours.length * pattern.minutes.length > 1
    const wanted = expected(pattern, zone, isDense ? around : calendar)
    const found = isDense
      ? rangesOf(wanted).flatMap(([first, last]) => ticksBetween(given, first - 1, last, 1_000))
      : ticksBetween(given, wanted[0]! - 1, wanted.at(-1)!, wanted.length + 10)
    expect(texts(found)).toEqual(texts(wanted))
  })
})

/** First and last of ticks that are less than a week apart. */
function rangesOf(ticks: readonly number[]): [number, number][] {
  const ranges: [number, number][] = []
  for (const tick of ticks) {
    const range = ranges.at(-1)
    if (range !== undefined && tick - range[1] < 5 * 86_400_000) range[1] = tick
    else ranges.push([tick, tick])
  }
  return ranges
}

describe('time zones', () => {
  const next = (cron: string, timezone: string, after: string, count: number) =>
    texts(ticksBetween(timing({ cron: [cron], timezone }), at(after), Number.MAX_SAFE_INTEGER, count))

  test('a gap runs once at its end, and a fold once at its first pass', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00:00',
      '2026-03-30T00:30:00',
    ])
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30:00',
      '2026-10-26T01:30:00',
    ])
  })

  test('half an hour is skipped and repeated on Lord Howe', () => {
    expect(next('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', 1)).toEqual(['2026-10-03T15:30:00'])
    expect(next('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', 2)).toEqual([
      '2026-04-04T14:45:00',
      '2026-04-05T15:15:00',
    ])
  })

  test('leap days come every four years', () => {
    expect(next('0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', 2)).toEqual([
      '2028-02-29T00:00:00',
      '2032-02-29T00:00:00',
    ])
  })
})

test('several expressions tick together, each instant once', () => {
  const both = timing({ cron: ['0 9 * * *', '0 9 * * MON', '30 17 * * *'] })
  expect(texts(ticksBetween(both, at('2026-11-30T00:00Z'), at('2026-11-30T23:59Z'), 10))).toEqual([
    '2026-11-30T09:00:00',
    '2026-11-30T17:30:00',
  ])
})

test('every counts from 1970 plus its offset, within from and until', () => {
  const hourly = timing({
    every: 3_600_000,
    offset: 300_000,
    from: at('2026-11-30T02:05Z'),
    until: at('2026-11-30T04:05Z'),
  })
  expect(texts(ticksBetween(hourly, 0, Number.MAX_SAFE_INTEGER, 10))).toEqual([
    '2026-11-30T02:05:00',
    '2026-11-30T03:05:00',
    '2026-11-30T04:05:00',
  ])
  expect(nextTick(hourly, at('2026-11-30T04:05Z'))).toBeNull()
})

test('the newest ticks of any range are the last ones of all', () => {
  for (const given of [
    timing({ every: 60_000 }),
    timing({ cron: ['0 9 * * 1-5'], timezone: 'Europe/Berlin' }),
    timing({ cron: ['* * 1 1 *'] }),
    timing({ cron: ['0 0 29 2 *'] }),
  ]) {
    const [after, upTo] = [at('2024-12-30T00:00Z'), at('2025-01-10T12:34:56Z')]
    const every = ticksBetween(given, after, upTo, 2_000_000)
    expect(newestTicks(given, after, upTo, 7)).toEqual(every.slice(-7))
    expect(newestTicks(given, after, after + 86_400_000, 100)).toEqual(
      ticksBetween(given, after, after + 86_400_000, 2_000_000).slice(-100),
    )
  }
})

test('jitter is the same for the same tick, below its limit, and spread', () => {
  const spread = Array.from({ length: 1_000 }, (_, index) => jitterOf('nightly', index * 60_000, 60_000))
  expect(spread).toEqual(
    Array.from({ length: 1_000 }, (_, index) => jitterOf('nightly', index * 60_000, 60_000)),
  )
  expect(Math.max(...spread)).toBeLessThan(60_000)
  const quarters = Map.groupBy(spread, (ms) => Math.floor(ms / 15_000))
  for (const quarter of [0, 1, 2, 3]) expect(quarters.get(quarter)!.length).toBeGreaterThan(200)
})

test.each([
  [timing({}), 'cron', 'either cron or every'],
  [timing({ cron: ['* * * * *'], every: 1_000 }), 'cron', 'either cron or every'],
  [timing({ every: 500 }), 'every', 'whole number of seconds'],
  [timing({ every: 60_000, offset: 60_000 }), 'offset', 'less than every'],
  [timing({ cron: ['61 * * * *'] }), 'cron', 'Invalid value for minute: 61'],
  [timing({ cron: ['0 0 30 2 *'] }), 'cron', 'never occurs'],
  [timing({ cron: ['@reboot'] }), 'cron', 'not supported'],
  [timing({ cron: ['2026-01-01T00:00:00'] }), 'cron', 'not a cron expression'],
  [timing({ cron: ['* * * * *'], timezone: 'Mars/Olympus' }), 'timezone', 'IANA'],
  [timing({ cron: ['* * * * *'], timezone: '+02:00' }), 'timezone', 'IANA'],
  [timing({ every: 1_000, from: 2, until: 1 }), 'until', 'not be before from'],
])('refuses %j for its %s', (given, path, message) => {
  const [issue] = timingIssues(given)
  expect(issue).toMatchObject({ path, message: expect.stringContaining(message) as string })
})
