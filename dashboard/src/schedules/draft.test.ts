import { expect, test } from 'vitest'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { draftOf, entriesOfSchedule, hasHiddenCallback, newEntries } from './draft.ts'

const stored: ScheduleDetails = {
  id: 'nightly',
  type: 'add',
  parameters: { a: 1 },
  options: { tags: ['nightly'] },
  cron: ['30 2 * * *', '0 12 * * 6'],
  every: null,
  offset: 0,
  timezone: 'Europe/Berlin',
  from: 1_764_000_000,
  until: null,
  jitter: 30,
  overlap: 'buffer_one',
  catch_up: { mode: 'all', window: null, max: 7 },
  pause_on_failures: 3,
  paused: true,
  paused_by: 'ann',
  paused_reason: null,
  description: 'Sales',
  in_words: 'At 02:30',
  origin: 'api',
  created_at: 1_763_990_000,
  created_by: 'ann',
  updated_at: 1_763_990_000,
  next_at: null,
  next_ticks: [],
  last_tick_at: null,
  last_task_id: null,
  buffered: 0,
  runs: [],
}

test('a schedule that is opened and saved stays as it is', () => {
  expect(draftOf('add', { a: 1 }, entriesOfSchedule(stored), stored)).toEqual({
    id: 'nightly',
    type: 'add',
    parameters: { a: 1 },
    options: { tags: ['nightly'] },
    cron: ['30 2 * * *', '0 12 * * 6'],
    timezone: 'Europe/Berlin',
    from: 1_764_000_000,
    jitter: 30,
    overlap: 'buffer_one',
    catch_up: { mode: 'all', max: 7 },
    pause_on_failures: 3,
    description: 'Sales',
  })
  const interval = { ...stored, cron: null, every: 5_400, offset: 60, timezone: 'UTC' }
  const draft = draftOf('add', {}, entriesOfSchedule(interval), interval)
  expect(draft).toMatchObject({ every: '90m', offset: 60, timezone: 'UTC' })
  expect(draft).not.toHaveProperty('cron')
})

test('limits are typed one per line, beside options for which the form has no input', () => {
  const options = { tags: ['nightly'], limits: { 'mail-api': 'a=b', smtp: '' }, fairness_key: 'tenant' }
  const limited = { ...stored, options }
  const entries = entriesOfSchedule(limited)
  expect(entries).toMatchObject({ limits: 'mail-api=a=b\nsmtp', fairnessKey: 'tenant' })
  expect(draftOf('add', {}, entries, limited).options).toEqual(options)
  expect(draftOf('add', {}, { ...entries, limits: '', fairnessKey: ' ' }, limited).options).toEqual({
    tags: ['nightly'],
  })
})

test('a callback that is not shown must be entered again', () => {
  const of = (callback_url: string) => ({ ...stored, options: { tags: ['nightly'], callback_url } })
  const shown = of('https://hooks.example/done')
  expect(hasHiddenCallback(shown)).toBe(false)
  expect(draftOf('add', {}, entriesOfSchedule(shown), shown).options).toEqual(shown.options)
  const hidden = of('[redacted]')
  expect(hasHiddenCallback(hidden)).toBe(true)
  const entries = entriesOfSchedule(hidden)
  expect(draftOf('add', {}, entries, hidden).options).toEqual({ tags: ['nightly'] })
  const entered = { ...entries, callbackUrl: ' https://hooks.example/new ' }
  expect(draftOf('add', {}, entered, hidden).options).toMatchObject({
    callback_url: 'https://hooks.example/new',
  })
})

test('empty entries and those of the other kind of times are not sent', () => {
  const entries = { ...newEntries('UTC'), cron: ' \n0 0 * * * \n', window: '90', max: '3' }
  expect(draftOf('add', {}, entries)).toEqual({
    type: 'add',
    parameters: {},
    cron: ['0 0 * * *'],
    timezone: 'UTC',
    overlap: 'skip',
    catch_up: { mode: 'latest', window: 90 },
  })
  expect(draftOf('add', {}, { ...entries, timing: 'every', mode: 'skip' })).toEqual({
    type: 'add',
    parameters: {},
    every: '15m',
    overlap: 'skip',
    catch_up: { mode: 'skip' },
  })
})
