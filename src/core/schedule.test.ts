import { describe, expect, test } from 'vitest'
import { overlaps } from './schedule-choices.ts'
import {
  afterClockSetBack,
  backfilled,
  caughtUp,
  decide,
  defaultCatchUp,
  lateAfter,
  ranNow,
  scheduleMade,
  schedulePaused,
  scheduleRedefined,
  scheduleResumed,
  settleOverlap,
  type Overlap,
  type Schedule,
  type ScheduleView,
  type Tick,
} from './schedule.ts'

const minute = 60_000
const start = Date.parse('2026-11-30T12:00:00Z')

function made(given: Partial<Schedule> = {}): Schedule {
  const definition = {
    id: 's',
    type: 'work',
    parameters: '{}',
    options: {},
    cron: ['* * * * *'],
    every: null,
    offset: 0,
    timezone: 'UTC',
    from: null,
    until: null,
    jitter: 0,
    overlap: 'skip',
    catchUp: defaultCatchUp,
    pauseOnFailures: null,
    description: null,
  } as const
  return {
    ...scheduleMade({ ...definition, ...given }, { now: start, by: 'me', origin: 'api', paused: false }),
  }
}

const view = (schedule: Schedule, given: Partial<ScheduleView> = {}): ScheduleView => ({
  schedule,
  unfinished: [],
  waiting: [],
  recent: [],
  ...given,
})
const busy = { unfinished: [{ id: 'earlier', isCancelling: false }] }
const tick = (index: number) => start + index * minute
const waits = (index: number, overlap: Overlap): Tick => ({
  tickAt: tick(index),
  taskId: null,
  status: null,
  skipped: null,
  waits: overlap,
})
let ids = 0
const newId = () => `task-${++ids}`

/** What became of each tick: `start`, `wait`, or why it was skipped. */
function fates(decision: ReturnType<typeof decide>): Record<number, string> {
  const entries = (decision?.ticks ?? []).map(({ tickAt, to }) => [
    (tickAt - start) / minute,
    to.taskId === null ? (to.skipped ?? 'wait') : 'start',
  ])
  return Object.fromEntries(entries) as Record<number, string>
}

describe('a tick that is due', () => {
  test.each<[Overlap, boolean, number, string, boolean]>([
    // Overlap, a task runs, ticks that wait, what becomes of the tick, what runs is cancelled.
    ['skip', false, 0, 'start', false],
    ['skip', true, 0, 'overlap', false],
    ['buffer_one', false, 0, 'start', false],
    ['buffer_one', true, 0, 'wait', false],
    ['buffer_one', true, 1, 'overlap', false],
    ['buffer_all', false, 0, 'start', false],
    ['buffer_all', true, 0, 'wait', false],
    ['buffer_all', true, 3, 'wait', false],
    ['cancel_other', false, 0, 'start', false],
    ['cancel_other', true, 0, 'wait', true],
    ['cancel_other', true, 1, 'wait', true],
    ['allow', false, 0, 'start', false],
    ['allow', true, 0, 'start', false],
  ])('%s, busy %s, %i waiting: %s', (overlap, isBusy, waiting, fate, cancels) => {
    const schedule = { ...made({ overlap }), buffered: waiting, nextAt: tick(10) }
    const before = Array.from({ length: waiting }, (_, index) => waits(index + 1, overlap))
    const decision = decide(view(schedule, { ...(isBusy ? busy : {}), waiting: before }), tick(10), newId)
    expect(fates(decision)[10]).toBe(fate)
    expect(decision!.cancels).toEqual(cancels ? ['earlier'] : [])
    if (overlap === 'cancel_other' && waiting === 1) expect(fates(decision)[1]).toBe('overlap')
    expect(decision!.schedule).toMatchObject({ nextAt: tick(11), version: 2 })
  })

  test('waits with others for which the queue has no room, the newest', () => {
    const schedule = { ...made({ overlap: 'allow', catchUp: { ...defaultCatchUp, mode: 'all' } }) }
    const first = decide(view(schedule), tick(4), newId, 1)!
    expect(fates(first)).toEqual({ 1: 'start', 2: 'wait', 3: 'wait', 4: 'wait' })
    expect(first.schedule).toMatchObject({ nextAt: tick(5), dueAt: tick(4) + 1_000, buffered: 3 })
    const waiting = [2, 3, 4].map((index) => waits(index, 'allow'))
    const second = decide(view(first.schedule, { waiting }), tick(4) + 1_000, newId)!
    expect(fates(second)).toEqual({ 2: 'start', 3: 'start', 4: 'start' })
    expect(second.schedule).toMatchObject({ buffered: 0, dueAt: tick(5) })
  })

  test('nothing happens before it, and while the schedule is paused', () => {
    expect(decide(view(made()), start + 59_999, newId)).toBeNull()
    expect(decide(view(schedulePaused(made(), 'me', null, start)), tick(5), newId)).toBeNull()
  })

  test('a task that is being cancelled is not cancelled again', () => {
    const schedule = { ...made({ overlap: 'cancel_other' }), nextAt: tick(1) }
    const unfinished = [{ id: 'earlier', isCancelling: true }]
    expect(decide(view(schedule, { unfinished }), tick(1), newId)!.cancels).toEqual([])
  })

  test('those that wait start one after the other, before new ones', () => {
    const schedule = { ...made({ overlap: 'buffer_all' }), buffered: 2, nextAt: tick(3) }
    const waiting = [waits(1, 'buffer_all'), waits(2, 'buffer_all')]
    const decision = decide(view(schedule, { waiting }), tick(3), newId)!
    expect(fates(decision)).toEqual({ 1: 'start', 3: 'wait' })
    expect(decision.schedule).toMatchObject({ buffered: 2, dueAt: tick(3) + 5_000 })
  })

  test('more wait than are looked at: a new one waits behind them', () => {
    const schedule = { ...made({ overlap: 'buffer_all' }), buffered: 150, nextAt: tick(200) }
    const waiting = Array.from({ length: 100 }, (_, index) => waits(index + 1, 'allow'))
    const decision = decide(view(schedule, { waiting }), tick(200), newId)!
    expect(decision.starts).toHaveLength(100)
    expect(decision.schedule).toMatchObject({ buffered: 51, dueAt: tick(200) })
    expect(fates(decision)[200]).toBe('wait')
  })
})

test('a model of any queue agrees: at most one task runs at a time unless it is allowed', () => {
  for (const overlap of overlaps) {
    for (const isBusy of [false, true]) {
      for (const count of [0, 1, 2, 5]) {
        const queue = Array.from({ length: count }, (_, index) => ({
          tickAt: index,
          from: 'new' as const,
          overlap,
        }))
        const { starts, waits: kept, skips, cancels } = settleOverlap(queue, isBusy, 0)
        const free = isBusy ? 0 : 1
        const expected = {
          allow: [count, 0],
          skip: [Math.min(free, count), 0],
          buffer_one: [Math.min(free, count), Math.min(1, Math.max(0, count - free))],
          buffer_all: [Math.min(free, count), Math.max(0, count - free)],
          cancel_other: [Math.min(free, count), Math.min(1, Math.max(0, count - free))],
        }[overlap]
        expect([starts.length, kept.length, skips.length]).toEqual([
          ...expected,
          count - expected[0]! - expected[1]!,
        ])
        expect(cancels).toBe(overlap === 'cancel_other' && kept.length > 0)
        if (overlap === 'cancel_other' && kept.length > 0) expect(kept[0]!.tickAt).toBe(count - 1)
        if (overlap === 'buffer_one' && kept.length > 0) expect(kept[0]!.tickAt).toBe(free)
      }
    }
  }
})

describe('after downtime', () => {
  const hours = (count: number) =>
    Array.from({ length: count }, (_, index) => start + (index + 1) * 3_600_000)
  const late = (mode: Schedule['catchUp']['mode'], given: Partial<Schedule['catchUp']> = {}) => ({
    catchUp: { ...defaultCatchUp, mode, window: mode === 'all' ? null : 3_600_000, ...given },
    jitter: 0,
  })

  test.each([
    ['latest', {}, 10, 30 * minute, [10]],
    ['latest', {}, 10, 61 * minute, []],
    ['latest', { window: 7_200_000 }, 10, 61 * minute, [10]],
    ['latest', {}, 10, 1_000, [10]],
    ['all', {}, 10, 30 * minute, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['all', { max: 3 }, 10, 30 * minute, [8, 9, 10]],
    ['all', { max: 3 }, 10, 1_000, [7, 8, 9, 10]],
    ['all', { window: 7_200_000 }, 10, 30 * minute, [9, 10]],
    ['skip', {}, 10, 30 * minute, []],
    ['skip', {}, 10, 1_000, [10]],
    ['skip', {}, 1, lateAfter, [1]],
    ['skip', {}, 1, lateAfter + 1, []],
  ] as const)(
    '%s %j: of %i ticks, %i ms after the last one, run %j',
    (mode, given, count, after, expected) => {
      const due = hours(count)
      const { runs, skips } = caughtUp(due, late(mode, given), due.at(-1)! + after)
      expect(runs.map((run) => (run - start) / 3_600_000)).toEqual(expected)
      expect(skips).toEqual(due.filter((one) => !runs.includes(one)))
    },
  )

  test('a year of seconds costs no more than a minute, and keeps the newest skipped ticks', () => {
    const schedule = made({ cron: [], every: 1_000 })
    const now = start + 365 * 86_400_000 + 500
    const decision = decide(view(schedule), now, newId)!
    expect(decision.starts).toEqual([{ tickAt: now - 500, taskId: expect.any(String) as string }])
    expect(decision.ticks).toHaveLength(101)
    expect(decision.schedule).toMatchObject({
      nextAt: now + 500,
      leap: { from: start + 1_000, to: now - 500 },
    })
  })

  test('jitter is no delay', () => {
    const schedule = made({ jitter: 30 * minute, catchUp: { mode: 'skip', window: null, max: 1 } })
    expect(decide(view(schedule), schedule.dueAt! - 1, newId)).toBeNull()
    expect(fates(decide(view(schedule), schedule.dueAt!, newId))[1]).toBe('start')
  })
})

describe('a clock that jumps', () => {
  /** Looks every second, on a clock that does what it wants; returns the ticks that started. */
  function run(schedule: Schedule, times: readonly number[]): number[] {
    const started = new Set<number>()
    let current = schedule
    let latest = 0
    for (const now of times) {
      if (now < latest) current = afterClockSetBack(current, now) ?? current
      latest = now
      for (let left = 3; left > 0; left--) {
        const decision = decide(view(current), now, newId)
        if (decision === null) break
        for (const { tickAt } of decision.starts) {
          // The store keeps one task per tick.
          if (!started.has(tickAt)) started.add(tickAt)
        }
        current = decision.schedule
      }
    }
    return [...started].map((tickAt) => (tickAt - start) / minute)
  }
  const between = (from: number, to: number) =>
    Array.from({ length: (to - from) * 60 + 1 }, (_, index) => start + from * minute + index * 1_000)

  test('back by less than it has ticked: nothing runs twice, and nothing is missing', () => {
    expect(run(made(), [...between(0, 10), ...between(4, 14)])).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    ])
  })

  test('forward: the latest tick runs, and the others were late', () => {
    expect(run(made(), [...between(0, 2), ...between(40, 42)])).toEqual([1, 2, 40, 41, 42])
  })

  test('forward by years and back: the schedule goes on at once', () => {
    const years = start + 40 * 365 * 86_400_000
    expect(
      run(made(), [...between(0, 2), years, years + 1_000, ...between(3, 5)]).filter((at) => at < 100),
    ).toEqual([1, 2, 3, 4, 5])
  })

  test('and what ran in the wrong future does not run again when it comes', () => {
    expect(run(made(), [...between(0, 2), ...between(30, 35), ...between(3, 40)])).toEqual([
      1,
      2,
      30,
      31,
      32,
      33,
      34,
      35,
      ...Array.from({ length: 27 }, (_, index) => index + 3),
      36,
      37,
      38,
      39,
      40,
    ])
  })
})

describe('failures in a row', () => {
  const ended = (index: number, status: Tick['status']): Tick => ({
    tickAt: tick(index),
    taskId: `t${index}`,
    status,
    skipped: null,
    waits: null,
  })
  test.each([
    [['failed', 'failed'], true],
    [['running', 'failed', 'failed'], true],
    [['failed', 'cancelled', 'failed'], true],
    [['failed', 'completed', 'failed'], false],
    [['failed'], false],
  ] as const)('%j, newest first, pause it: %s', (statuses, pauses) => {
    const schedule = made({ pauseOnFailures: 2 })
    const recent = statuses.map((status, index) => ended(10 - index, status))
    const decision = decide(view({ ...schedule, nextAt: tick(20) }, { recent }), tick(11), newId)
    expect(decision?.schedule.paused ?? null).toEqual(
      pauses ? { at: tick(11), by: 'schedule s', why: '2 runs in a row failed' } : null,
    )
  })

  test('those before it was resumed do not count', () => {
    const schedule = scheduleResumed(
      schedulePaused(made({ pauseOnFailures: 1 }), 'me', null, tick(2)),
      tick(5),
    ).schedule
    expect(decide(view(schedule, { recent: [ended(4, 'failed')] }), tick(5) + 1, newId)).toBeNull()
  })
})

test('a resumed schedule says what it skipped, and ticks again from now on', () => {
  const paused = schedulePaused(made(), 'me', 'broken', tick(0))
  expect(paused).toMatchObject({ dueAt: null, paused: { by: 'me', why: 'broken' } })
  const { schedule, ticks } = scheduleResumed(paused, tick(3) + 1)
  expect(ticks.map(({ tickAt, to }) => [tickAt, to.skipped])).toEqual([
    [tick(1), 'paused'],
    [tick(2), 'paused'],
    [tick(3), 'paused'],
  ])
  expect(schedule).toMatchObject({ paused: null, nextAt: tick(4), dueAt: tick(4) })
})

test('another definition keeps ticks that are due, unless its times changed', () => {
  const schedule = made()
  const later = scheduleRedefined(
    schedule,
    { ...schedule, overlap: 'allow' },
    { now: tick(3), origin: 'code' },
  )
  expect(later).toMatchObject({ overlap: 'allow', nextAt: tick(1), version: 2 })
  const other = scheduleRedefined(
    schedule,
    { ...schedule, cron: ['0 * * * *'] },
    { now: tick(3), origin: 'code' },
  )
  expect(other.nextAt).toBe(start + 3_600_000)
})

test('a run by hand has a tick of its own', () => {
  const first = ranNow(made(), 'a', start)
  expect(first.tickAt).toBe(start + 1)
  expect(ranNow(first.schedule, 'b', start).tickAt).toBe(start + 2)
})

test('a backfill waits for its turn, also while the schedule is paused', () => {
  const { schedule, ticks } = backfilled(made(), [tick(-2), tick(-1)], 'buffer_all', tick(0))
  expect(schedule).toMatchObject({ buffered: 2, dueAt: tick(0) })
  expect(ticks.every(({ to }) => to.waits === 'buffer_all')).toBe(true)
})
