import { describe, expect } from 'vitest'
import { scheduleEntry } from '../../src/core/audit.ts'
import { anonymous } from '../../src/core/caller.ts'
import {
  backfilled,
  decide,
  defaultCatchUp,
  ranNow,
  scheduleMade,
  schedulePaused,
  submissionOfTick,
  type Decision,
  type Schedule,
} from '../../src/core/schedule.ts'
import type { ScheduleChange } from '../../src/store/schedule-store.ts'
import { setByApi } from '../../src/core/limits.ts'
import { boom, submission } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const maxQueued = 100

export function schedules(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('schedules', () => {
    test('are stored as they are, by id', async (scene) => {
      const { schedules } = scene.store
      const [b, a] = [
        made(scene, { id: 'b' }),
        made(scene, { id: 'a', parameters: '{"x":"\\u0000 \uFFFF"}' }),
      ]
      expect([await schedules.add(b), await schedules.add(a), await schedules.add(b)]).toEqual([
        true,
        true,
        false,
      ])
      expect(await schedules.list('', 10)).toEqual([a, b])
      expect(await schedules.list('', 1)).toEqual([a])
      expect(await schedules.list('a', 10)).toEqual([b])
      expect(await schedules.view(['a', 'none'])).toEqual([
        { schedule: a, unfinished: [], waiting: [], recent: [] },
      ])
    })

    test('are due by time and type, and say when the next one is', async (scene) => {
      const { store, clock } = scene
      await store.schedules.add(made(scene, { id: 'one', every: 10_000 }))
      await store.schedules.add(made(scene, { id: 'two', every: 60_000 }))
      await store.schedules.add(made(scene, { id: 'other', type: 'unknown', every: 1_000 }))
      await store.schedules.add(made(scene, { id: 'idle', every: 1_000 }, true))
      const first = await store.schedules.due(['work'], 10)
      expect(first.ids).toEqual([])
      expect(first.dueIn).toBe(next(clock.now(), 10_000) - clock.now())
      expect(await store.schedules.due(['nothing'], 10)).toEqual({ ids: [], dueIn: null })
      await clock.advance(60_000)
      expect((await store.schedules.due(['work'], 10)).ids).toEqual(['one', 'two'])
      expect(await store.schedules.due(['work'], 1)).toEqual({ ids: ['one'], dueIn: 0 })
      expect(await store.schedules.lag()).toBeGreaterThan(50_000)
    })

    test('tick once: the second write of the same tick is lost, and leaves nothing', async (scene) => {
      const { store } = scene
      const decision = await due(scene)
      const [first] = await store.schedules.change([changeOf(decision, 'a')], maxQueued)
      expect(first).toMatchObject({ kind: 'changed', ticks: 1, tasks: [{ before: null }] })
      expect(await store.schedules.change([changeOf(decision, 'b')], maxQueued)).toEqual([{ kind: 'lost' }])
      expect(await scene.task({ id: 'a' })).toMatchObject({
        scheduleId: 's',
        tickAt: decision.starts[0]!.tickAt,
        createdBy: 'schedule s',
        status: 'queued',
      })
      expect(await store.get('b')).toBeNull()
      const [view] = await store.schedules.view(['s'])
      expect(view).toMatchObject({
        unfinished: [{ id: 'a', isCancelling: false }],
        recent: [{ status: 'queued' }],
      })
      expect(view!.schedule).toMatchObject({ version: 2, lastTaskId: 'a' })
    })

    test('of nodes that decide at once: one of them writes', async (scene) => {
      const { store } = scene
      const decision = await due(scene)
      const answers = await Promise.all(
        ['a', 'b', 'c'].map((id) => store.schedules.change([changeOf(decision, id)], maxQueued)),
      )
      expect(
        answers
          .flat()
          .map(({ kind }) => kind)
          .sort(),
      ).toEqual(['changed', 'lost', 'lost'])
      expect(await counted(scene)).toBe(1)
    })

    test('give a tick that has a task no other one, whatever they are told', async (scene) => {
      const { store } = scene
      const decision = await due(scene)
      await store.schedules.change([changeOf(decision, 'a')], maxQueued)
      const { schedule } = decision
      const again = { ...schedule, version: 3, buffered: 1, lastTaskId: 'b' }
      const [answer] = await store.schedules.change(
        [{ ...changeOf(decision, 'b'), schedule: again }],
        maxQueued,
      )
      expect(answer).toMatchObject({ kind: 'changed', ticks: 0, tasks: [], schedule: { lastTaskId: null } })
      expect(await store.get('b')).toBeNull()
      const tickAt = decision.starts[0]!.tickAt
      const waits = backfilled(
        { ...schedule, version: 3, buffered: 0 },
        [tickAt, tickAt - 1_000],
        'buffer_all',
        0,
      )
      const [added] = await store.schedules.change(
        [{ ...still(waits.schedule), ticks: waits.ticks }],
        maxQueued,
      )
      expect(added).toMatchObject({ kind: 'changed', ticks: 1, schedule: { buffered: 1 } })
      expect((await store.schedules.view(['s']))[0]!.waiting).toEqual([
        { tickAt: tickAt - 1_000, taskId: null, status: null, skipped: null, waits: 'buffer_all' },
      ])
    })

    test('start what waits, which is a tick of its own', async (scene) => {
      const { store, clock } = scene
      const schedule = made(scene, { overlap: 'buffer_all' })
      await store.schedules.add(schedule)
      const ticks = [1_000, 2_000, 3_000]
      const waits = backfilled(schedule, ticks, 'buffer_all', clock.now())
      await store.schedules.change([{ ...still(waits.schedule), ticks: waits.ticks }], maxQueued)
      expect((await store.schedules.due(['work'], 10)).ids).toEqual(['s'])
      const [view] = await store.schedules.view(['s'])
      const decision = decide(view!, clock.now(), () => 'a')!
      expect(await store.schedules.change([changeOf(decision, 'a')], maxQueued)).toMatchObject([{ ticks: 1 }])
      expect(
        (await store.schedules.ticks('s', 10_000, 10)).map(({ tickAt, waits: how }) => [tickAt, how]),
      ).toEqual([
        [3_000, 'buffer_all'],
        [2_000, 'buffer_all'],
        [1_000, null],
      ])
    })

    test('leave nothing when the queue is full', async (scene) => {
      const { store } = scene
      const decision = await due(scene)
      expect(await store.schedules.change([changeOf(decision, 'a')], 0)).toEqual([{ kind: 'full' }])
      expect((await store.schedules.view(['s']))[0]!.schedule.version).toBe(1)
      expect(await store.schedules.ticks('s', Number.MAX_SAFE_INTEGER, 10)).toEqual([])
      expect((await store.schedules.change([changeOf(decision, 'a')], maxQueued))[0]!.kind).toBe('changed')
    })

    test('start tasks that limits hold back', async (scene) => {
      const { store } = scene
      const limits = [{ name: 'api', key: 'a' }]
      await store.limits.put({ name: 'api', concurrency: 1, rate: null, scope: 'global', origin: setByApi })
      const admission = { limits, fairnessKey: 'x', weight: 1, aging: null }
      const change = changeOf(await due(scene), 'a')
      await scene.submitAll({ id: 'b', admission })
      const [running] = await scene.claim()
      const submissions = change.submissions.map((one) => ({ ...one, admission }))
      expect(await store.schedules.change([{ ...change, submissions }], maxQueued)).toMatchObject([
        { kind: 'changed' },
      ])
      expect(await scene.claim()).toEqual([])
      await scene.settle(running!.task, { kind: 'completed', result: '1' })
      expect((await scene.claim()).map(({ task }) => task.id)).toEqual(['a'])
    })

    test('keep a callback, and give it to their tasks', async (scene) => {
      const { store } = scene
      const callback = { url: 'https://a.example/x?\uFFFF', origin: 'https://a.example' }
      const schedule = made(scene, { id: 't', options: { callbackUrl: callback.url } })
      await store.schedules.add(schedule)
      expect((await store.schedules.view(['t']))[0]!.schedule).toEqual(schedule)
      const change = changeOf(await due(scene), 'a')
      const submissions = change.submissions.map((one) => ({ ...one, callback }))
      await store.schedules.change([{ ...change, submissions }], maxQueued)
      expect((await store.get('a'))!.callback).toEqual(callback)
    })

    test('several in one transaction have answers of their own', async (scene) => {
      const { store } = scene
      const decision = await due(scene)
      await store.schedules.add(made(scene, { id: 't' }))
      const paused = schedulePaused(made(scene, { id: 't' }), 'me', 'why', 5)
      const gone = schedulePaused(made(scene, { id: 'gone' }), 'me', null, 5)
      const changes = [still(gone), changeOf(decision, 'a'), still(paused)]
      const kinds = (await store.schedules.change(changes, maxQueued)).map(({ kind }) => kind)
      expect(kinds).toEqual(['lost', 'changed', 'changed'])
      expect((await store.schedules.view(['t']))[0]!.schedule).toEqual(paused)
    })

    test('are redefined', async (scene) => {
      const schedule = made(scene)
      await scene.store.schedules.add(schedule)
      const redefined = {
        ...schedule,
        version: 2,
        type: 'other',
        parameters: '[1]',
        overlap: 'allow',
      } as const
      await scene.store.schedules.change([{ ...still(redefined), isRedefined: true }], maxQueued)
      expect(await scene.store.schedules.list('', 10)).toEqual([redefined])
    })

    test('keep outcomes, and name those that depend on them', async (scene) => {
      const { store } = scene
      const decision = await due(scene)
      const { tickAt } = decision.starts[0]!
      await store.schedules.change([changeOf(decision, 'a')], maxQueued)
      await store.schedules.add(made(scene, { id: 'watching', pauseOnFailures: 2 }))
      const outcomes = [
        { scheduleId: 's', tickAt, status: 'failed' },
        { scheduleId: 'watching', tickAt, status: 'failed' },
        { scheduleId: 'gone', tickAt, status: 'failed' },
      ] as const
      expect(await store.schedules.record(outcomes)).toEqual(['watching'])
      expect(await store.schedules.ticks('s', Number.MAX_SAFE_INTEGER, 10)).toMatchObject([
        { status: 'queued' },
      ])
      const [run] = await scene.claim()
      await scene.settle(run!.task, { kind: 'failed', error: boom, retryIn: null })
      expect(await store.schedules.view(['s'])).toMatchObject([
        { unfinished: [], recent: [{ status: 'failed' }] },
      ])
      await store.purge(['a'])
      expect(await store.schedules.ticks('s', Number.MAX_SAFE_INTEGER, 10)).toEqual([
        { tickAt, taskId: 'a', status: 'failed', skipped: null, waits: null },
      ])
    })

    test('forget old ticks, except the newest and those that wait', async (scene) => {
      const { store, clock } = scene
      const schedule = made(scene)
      await store.schedules.add(schedule)
      const skipped = Array.from({ length: 150 }, (_, index) => ({
        tickAt: (index + 1) * 1_000,
        from: 'new' as const,
        to: { taskId: null, skipped: 'overlap' as const, waits: index === 0 ? ('allow' as const) : null },
      }))
      await store.schedules.change([{ ...still({ ...schedule, version: 2 }), ticks: skipped }], maxQueued)
      const limits = { schedules: 10, ticks: 20 }
      expect(await store.schedules.prune(60_000, '', limits)).toEqual({ next: null, deleted: 0 })
      await clock.advance(60_001)
      expect(await store.schedules.prune(60_000, '', { ...limits, schedules: 1 })).toEqual({
        next: 's',
        deleted: 20,
      })
      expect(await store.schedules.prune(60_000, 's', limits)).toEqual({ next: null, deleted: 0 })
      expect(await store.schedules.prune(60_000, '', { ...limits, ticks: 100 })).toMatchObject({
        deleted: 29,
      })
      const ticks = await store.schedules.ticks('s', Number.MAX_SAFE_INTEGER, 1_000)
      expect(ticks).toHaveLength(101)
      expect(ticks.at(-1)).toMatchObject({ tickAt: 1_000, waits: 'allow' })
    })

    test('are deleted with their ticks, and their tasks remain', async (scene) => {
      const { store } = scene
      await store.schedules.change([changeOf(await due(scene), 'a')], maxQueued)
      expect([await store.schedules.remove('s'), await store.schedules.remove('s')]).toEqual([true, false])
      expect(await store.schedules.ticks('s', Number.MAX_SAFE_INTEGER, 10)).toEqual([])
      expect(await scene.task({ id: 'a' })).toMatchObject({ scheduleId: 's' })
    })

    test('are audited in the commit of their change, and only if there is one', async (scene) => {
      const { store } = scene
      const origin = { caller: { ...anonymous, name: 'Änne' }, reason: 'why' }
      const entry = (action: 'schedule.create' | 'schedule.pause' | 'schedule.delete') =>
        scheduleEntry(origin, action, 's')
      for (const _ of [1, 2]) await store.schedules.add(made(scene), entry('schedule.create'))
      const paused = {
        ...still(schedulePaused(made(scene), 'Änne', 'why', 5)),
        audit: entry('schedule.pause'),
      }
      for (const _ of [1, 2]) await store.schedules.change([paused], maxQueued)
      for (const _ of [1, 2]) await store.schedules.remove('s', entry('schedule.delete'))
      const { entries } = await store.audit.read({ filter: {}, after: null, scan: 100 })
      expect(
        entries.map(({ action, caller, target, reason }) => [action, caller.name, target?.id, reason]),
      ).toEqual(['delete', 'pause', 'create'].map((action) => [`schedule.${action}`, 'Änne', 's', 'why']))
    })

    test('give a tick the task that has its unique key already', async (scene) => {
      const { store } = scene
      const unique = { key: 'key', while: 'unfinished', for: null, onConflict: 'reject' } as const
      const { id } = await scene.submit({ unique })
      const decision = await due(scene)
      const change = changeOf(decision, 'a')
      const { tickAt } = decision.starts[0]!
      const submissions = [submissionOfTick(submission({ id: 'a', unique }), decision.schedule, tickAt)]
      const [answer] = await store.schedules.change([{ ...change, submissions }], maxQueued)
      expect(answer).toMatchObject({ kind: 'changed', ticks: 1, tasks: [], schedule: { lastTaskId: id } })
      expect(await store.get('a')).toBeNull()
      expect(await store.schedules.ticks('s', Number.MAX_SAFE_INTEGER, 1)).toMatchObject([
        { tickAt, taskId: id, status: 'queued' },
      ])
    })

    test('run by hand at a time of their own', async (scene) => {
      const { store, clock } = scene
      await store.schedules.add(made(scene))
      const { schedule, ticks, tickAt } = ranNow(made(scene), 'a', clock.now())
      const submitted = submissionOfTick(submission({ id: 'a' }), schedule, tickAt)
      await store.schedules.change(
        [{ ...still(schedule), ticks, submissions: [submitted], by: 'me' }],
        maxQueued,
      )
      expect(await scene.task({ id: 'a' })).toMatchObject({ createdBy: 'me', tickAt, scheduleId: 's' })
    })
  })
}

function made(scene: Scene, given: Partial<Schedule> = {}, paused = false): Schedule {
  for (const id of ['a', 'b', 'c']) scene.audit.watch(id)
  const definition = {
    id: 's',
    type: 'work',
    parameters: '{}',
    options: {},
    cron: [],
    every: 1_000,
    offset: 0,
    timezone: 'UTC',
    from: null,
    until: null,
    jitter: 0,
    overlap: 'skip',
    catchUp: defaultCatchUp,
    pauseOnFailures: null,
    description: null,
    ...given,
  } as const
  return scheduleMade(definition, { now: scene.clock.now(), by: 'me', origin: 'api', paused })
}

/** A stored schedule whose tick is due, and what it decides. */
async function due(scene: Scene): Promise<Decision> {
  const schedule = made(scene)
  await scene.store.schedules.add(schedule)
  await scene.clock.advance(1_000)
  const [view] = await scene.store.schedules.view(['s'])
  return decide(view!, scene.clock.now(), () => 'some id')!
}

/** Writes a decision, whose first task gets this id. */
function changeOf({ schedule, ticks, starts }: Decision, id: string): ScheduleChange {
  return {
    schedule: { ...schedule, lastTaskId: id },
    isRedefined: false,
    ticks: ticks.map((tick) =>
      tick.to.taskId === null ? tick : { ...tick, to: { ...tick.to, taskId: id } },
    ),
    submissions: starts.map(({ tickAt }) => submissionOfTick(submission({ id }), schedule, tickAt)),
    by: `schedule ${schedule.id}`,
  }
}

function still(schedule: Schedule): ScheduleChange {
  return { schedule, isRedefined: false, ticks: [], submissions: [], by: 'me' }
}

function next(now: number, every: number): number {
  return Math.floor(now / every) * every + every
}

async function counted({ store }: Scene): Promise<number> {
  return (await store.counts()).byType['work']?.queued ?? 0
}
