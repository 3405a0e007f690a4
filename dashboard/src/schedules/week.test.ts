import { expect, test } from 'vitest'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { dateOf, laterBy, mondayOf, weekOf } from './week.ts'

const monday = new Date(2026, 10, 30)
const schedule = (own: Partial<ScheduleDetails>) =>
  ({
    id: 'one',
    cron: null,
    every: null,
    offset: 0,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    from: null,
    until: null,
    paused: false,
    created_at: 0,
    ...own,
  }) as ScheduleDetails

test('a week begins on Monday, also on a Sunday and across months', () => {
  expect(dateOf(mondayOf(null, new Date(2026, 11, 6, 23)))).toBe('2026-11-30')
  expect(dateOf(mondayOf('2027-01-01', new Date()))).toBe('2026-12-28')
  expect(dateOf(mondayOf('nonsense', monday))).toBe('2026-11-30')
  expect(dateOf(laterBy(7, monday))).toBe('2026-12-07')
})

test('ticks are listed by day and time; schedules that tick too often are apart', () => {
  const { days, often } = weekOf(
    [
      schedule({ id: 'late', cron: ['0 18 * * 1-5'] }),
      schedule({ id: 'early', cron: ['15 6 * * 1'] }),
      schedule({ id: 'hourly', cron: ['0 * * * *'] }),
      schedule({ id: 'paused', cron: ['0 12 * * *'], paused: true }),
    ],
    monday,
  )
  expect(often.map(({ id }) => id)).toEqual(['hourly'])
  expect(days.map(({ planned }) => planned.map(({ schedule: { id } }) => id).join())).toEqual([
    'early,late',
    'late',
    'late',
    'late',
    'late',
    '',
    '',
  ])
  expect(days[0]!.planned[0]!.at).toBe(new Date(2026, 10, 30, 6, 15).getTime() / 1_000)
})

test('a schedule has no ticks before it was created, nor after its end', () => {
  const wednesday = new Date(2026, 11, 2, 12).getTime() / 1_000
  const ids = (own: Partial<ScheduleDetails>) =>
    weekOf([schedule({ cron: ['0 9 * * *'], ...own })], monday).days.map(({ planned }) => planned.length)
  expect(ids({ created_at: wednesday })).toEqual([0, 0, 0, 1, 1, 1, 1])
  expect(ids({ until: wednesday })).toEqual([1, 1, 1, 0, 0, 0, 0])
})
