import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fromLibrary } from '../../src/core/caller.ts'
import { DefinitionInvalid } from '../../src/core/errors.ts'
import { defineTask } from '../../src/registry/define.ts'
import { defineSchedule } from '../../src/registry/schedule.ts'
import { EncryptedStore } from '../../src/store/encryption/encrypted-store.ts'
import { Keyring } from '../../src/store/encryption/keyring.ts'
import type { Store } from '../../src/store/store.ts'
import type { FakeClock } from '../../src/testing/clock.ts'
import { scheduleMade } from '../../src/core/schedule.ts'
import { stores, works, World } from './world.ts'

const minute = 60_000
const secret = Buffer.alloc(32, 7).toString('base64')

/** Runs as long as its parameter says; its runs are noted. */
function working(runs: number[] = [], more: Readonly<{ maxQueued?: number }> = {}) {
  return defineTask({
    ...more,
    type: 'work',
    parameters: z.object({ seconds: z.number().default(0), fail: z.boolean().default(false) }),
    async run({ seconds, fail }, task) {
      runs.push(runs.length)
      if (seconds > 0) await works(task, seconds)
      if (fail) throw new Error('no')
    },
  })
}

describe.each(stores)('schedules on $name', ({ open }) => {
  const opened = async (types = [working()]) => {
    const world = await World.open(open, types)
    return { world, schedules: world.node.schedules }
  }
  const ticksOf = async (world: World, id = 's') =>
    (await world.until(world.node.schedules.ticks(id)))
      .map(({ tickAt, status, skipped, waits }) => [tickAt % (60 * minute), status ?? skipped ?? waits])
      .toReversed()

  test('each tick submits one task, in the name of the schedule', async () => {
    const { world, schedules } = await opened()
    const info = await world.until(schedules.create({ id: 's', type: 'work', every: '1m' }))
    const first = info.nextTicks[0]!
    await world.pass(first - world.clock.now() + 2 * minute)
    const after = await world.until(schedules.get('s'))
    expect(after.runs.map(({ tickAt, status }) => [tickAt, status])).toEqual([
      [first + 2 * minute, 'completed'],
      [first + minute, 'completed'],
      [first, 'completed'],
    ])
    const { task, timeline } = await world.until(world.node.details(after.schedule.lastTaskId!))
    expect(task).toMatchObject({ createdBy: 'schedule s', scheduleId: 's', tickAt: first + 2 * minute })
    expect(timeline[0]).toMatchObject({ event: 'submitted', by: 'schedule s' })
  })

  test('ticks wait for the run before them, and start when it has ended', async () => {
    const { world, schedules } = await opened()
    const draft = {
      id: 's',
      type: 'work',
      every: '1m',
      overlap: 'buffer_all',
      parameters: { seconds: 90 },
    } as const
    const { nextTicks } = await world.until(schedules.create(draft))
    await world.pass(nextTicks[2]! - world.clock.now() + 35_000)
    expect((await ticksOf(world)).map(([, state]) => state)).toEqual(['completed', 'running', 'buffer_all'])
  })

  test('more ticks than the queue has room for wait, and start as it gets some', async () => {
    const runs: number[] = []
    const world = await World.open(open, [working(runs)], { maxQueued: 2 })
    await world.until(world.node.hold('work'))
    const draft = { id: 's', type: 'work', every: '1m', overlap: 'allow' } as const
    const { nextTicks } = await world.until(world.node.schedules.create(draft))
    await world.pass(nextTicks[4]! - world.clock.now())
    const states = async () => (await ticksOf(world)).map(([, state]) => state)
    expect(await states()).toEqual(['queued', 'queued', 'allow', 'allow', 'allow'])
    // Once a second and schedule, not all the time.
    expect(world.warnings.filter((line) => line.includes('queue is full')).length).toBeLessThan(200)
    await world.until(world.node.hold('work', false))
    await world.pass(5_000)
    expect(await states()).toEqual(Array.from({ length: 5 }, () => 'completed'))
    expect(runs).toHaveLength(5)
  })

  test('ticks wait for room in the queue of their type, and a run by hand is refused without it', async () => {
    const runs: number[] = []
    const { world, schedules } = await opened([working(runs, { maxQueued: 2 })])
    await world.until(world.node.hold('work'))
    const draft = { id: 's', type: 'work', every: '1m', overlap: 'allow' } as const
    const { nextTicks } = await world.until(schedules.create(draft))
    await world.pass(nextTicks[3]! - world.clock.now())
    const states = async () => (await ticksOf(world)).map(([, state]) => state)
    expect(await states()).toEqual(['queued', 'queued', 'allow', 'allow'])
    await expect(world.until(schedules.run('s'))).rejects.toMatchObject({ code: 'TOO_MANY_QUEUED', max: 2 })
    await world.until(world.node.hold('work', false))
    await world.pass(5_000)
    expect(await states()).toEqual(Array.from({ length: 4 }, () => 'completed'))
    expect(runs).toHaveLength(4)
  })

  test('the next tick cancels the run before it, and starts once that has stopped', async () => {
    const { world, schedules } = await opened()
    const draft = {
      id: 's',
      type: 'work',
      every: '1m',
      overlap: 'cancel_other',
      parameters: { seconds: 600 },
    } as const
    const { nextTicks } = await world.until(schedules.create(draft))
    await world.pass(nextTicks[1]! - world.clock.now() + 1_000)
    expect((await ticksOf(world)).map(([, state]) => state)).toEqual(['cancelled', 'running'])
  })

  test('after downtime, the latest tick runs', async () => {
    const { world, schedules } = await opened()
    await world.until(schedules.create({ id: 's', type: 'work', every: '1m' }))
    await world.until(world.node.close(), 30_000)
    await world.pass(30 * minute + 30_000)
    await world.startNode()
    await world.pass(100)
    const states = (await ticksOf(world)).map(([, state]) => state)
    expect(states.filter((state) => state === 'completed')).toHaveLength(1)
    expect(states.at(-1)).toBe('completed')
    expect(states.filter((state) => state === 'catch_up').length).toBeGreaterThan(28)
  })

  test('a paused schedule runs by hand only, and says what it skipped', async () => {
    const runs: number[] = []
    const { world, schedules } = await opened([working(runs)])
    await world.until(schedules.create({ id: 's', type: 'work', every: '1m' }))
    expect(await world.until(schedules.pause('s', { reason: 'broken' }))).toMatchObject({
      schedule: { paused: { by: 'library', why: 'broken' } },
      nextTicks: [],
    })
    await world.pass(2 * minute)
    expect(runs).toHaveLength(0)
    const id = await world.until(schedules.run('s'))
    await world.pass(100)
    expect((await world.until(world.node.details(id))).task).toMatchObject({
      status: 'completed',
      createdBy: 'library',
    })
    await world.until(schedules.resume('s'))
    expect((await ticksOf(world)).map(([, state]) => String(state)).toSorted()).toEqual([
      'completed',
      'paused',
      'paused',
    ])
  })

  test('failures in a row pause it', async () => {
    const { world, schedules } = await opened()
    const draft = { id: 's', type: 'work', every: '1m', pauseOnFailures: 2, parameters: { fail: true } }
    await world.until(schedules.create(draft))
    await world.pass(5 * minute)
    expect((await world.until(schedules.get('s'))).schedule.paused).toMatchObject({
      by: 'schedule s',
      why: '2 runs in a row failed',
    })
    expect(await ticksOf(world)).toHaveLength(2)
  })

  test('a backfill runs what has no task yet, one after the other, and once', async () => {
    const runs: number[] = []
    const { world, schedules } = await opened([working(runs)])
    const { nextTicks } = await world.until(schedules.create({ id: 's', type: 'work', every: '1m' }))
    await world.pass(nextTicks[0]! - world.clock.now() + 1_000)
    const range = { from: (nextTicks[0]! - 3 * minute) / 1_000, until: nextTicks[0]! / 1_000 }
    expect(await world.until(schedules.backfill('s', range))).toMatchObject({ ticks: 3 })
    await world.pass(1_000)
    const again = await world.until(schedules.backfill('s', range))
    expect(again.ticks).toBe(0)
    expect(await world.until(world.node.operation(again.operationId))).toMatchObject({
      action: 'backfill',
      status: 'completed',
      matched: 4,
      changed: 0,
      unchanged: 4,
    })
    expect(runs).toHaveLength(4)
    expect((await ticksOf(world)).map(([, state]) => state)).toEqual(Array(4).fill('completed'))
  })

  test('those defined in code are kept like it, and those of people are left alone', async () => {
    const type = working()
    const { world, schedules } = await opened([type])
    await world.until(schedules.create({ id: 'mine', type: 'work', every: '1h' }))
    const code = (every: string) => [
      defineSchedule({ id: 'mine', type, every, parameters: {} }),
      defineSchedule({ id: 'ours', type: 'work', every, description: 'from code' }),
    ]
    await world.startNode({ schedules: code('10m') })
    expect((await world.until(schedules.get('ours'))).schedule).toMatchObject({
      every: 600_000,
      origin: 'code',
    })
    await world.until(world.node.schedules.pause('ours'))
    await world.startNode({ schedules: code('20m') })
    expect((await world.until(world.node.schedules.get('ours'))).schedule).toMatchObject({
      every: 1_200_000,
      paused: { by: 'library' },
    })
    expect((await world.until(world.node.schedules.get('mine'))).schedule).toMatchObject({ every: 3_600_000 })
    await world.until(world.node.schedules.replace('ours', { type: 'work', every: '30m' }))
    await world.startNode({ schedules: code('20m') })
    expect((await world.until(world.node.schedules.get('ours'))).schedule).toMatchObject({
      every: 1_800_000,
      origin: 'api',
    })
    expect(world.warnings.join()).toContain('made or changed by hand')
  })

  test('those defined in code may only name limits that exist, unless one was deleted since', async () => {
    const type = working()
    const { world, schedules } = await opened([type])
    const named = (every: string) => [
      defineSchedule({ id: 's', type, every, parameters: {}, options: { limits: { api: 'a' } } }),
    ]
    const refused = expect(world.startNode({ schedules: named('1h') })).rejects
    await refused.toThrow(/^schedule "s": .*limits\.api: there is no limit of this name/)
    expect(await world.until(schedules.list())).toMatchObject({ schedules: [] })

    await world.until(world.node.limits.set('api', { concurrency: 1 }))
    await world.startNode({ schedules: named('1h') })
    expect(world.warnings.join()).not.toContain('limit')
    await world.until(world.node.limits.remove('api'))
    await world.pass(2_000)
    // What was accepted stays valid: nobody can create the limit while no node starts.
    await world.startNode({ schedules: named('1h') })
    expect(world.warnings.join()).toContain('a schedule names a limit that no longer exists')
    const changed = expect(world.startNode({ schedules: named('2h') })).rejects
    await changed.toThrow(DefinitionInvalid)

    await world.until(world.node.limits.set('api', { concurrency: 1 }))
    await world.startNode({ schedules: named('2h') })
    expect((await world.until(world.node.schedules.get('s'))).schedule).toMatchObject({ every: 7_200_000 })
  })

  test('those defined in code stay as they are if their definition has not changed', async () => {
    const type = working()
    const { world } = await opened([type])
    const defined = [defineSchedule({ id: 's', type, every: '1h', parameters: {} })]
    await world.startNode({ schedules: defined })
    const first = await world.until(world.node.schedules.get('s'))
    await world.pass(minute)
    await world.startNode({ schedules: defined })
    expect(await world.until(world.node.schedules.get('s'))).toEqual(first)
  })

  test('those of people are left alone, whatever limits the definition in code names', async () => {
    const type = working()
    const { world, schedules } = await opened([type])
    await world.until(schedules.create({ id: 's', type: 'work', every: '1h' }))
    await world.startNode({
      schedules: [defineSchedule({ id: 's', type, every: '2h', options: { limits: { none: 'a' } } })],
    })
    expect((await world.until(world.node.schedules.get('s'))).schedule).toMatchObject({ every: 3_600_000 })
  })

  test('those that a node cannot decrypt hide no others', async () => {
    const sealing = (id: string, store: Store) =>
      new EncryptedStore(store, new Keyring({ encrypts: true, keys: [{ id, secret }] }))
    let stored: Store | undefined
    const openOurs = async (clock: FakeClock) => sealing('ours', (stored = await open(clock)))
    const world = await World.open(openOurs, [working()])
    const { schedules } = world.node
    const draft = { type: 'work', every: '1h', overlap: 'allow' } as const
    const { definition } = await schedules.preview(draft)
    const made = { now: world.clock.now(), by: 'them', origin: 'api', paused: false } as const
    for (let index = 0; index < 250; index++)
      await sealing('theirs', stored!).schedules.add(
        scheduleMade({ id: `theirs-${index}`, ...definition }, made),
      )
    const { nextTicks } = await world.until(schedules.create({ ...draft, id: 'ours', offset: 1 }))
    await world.pass(nextTicks[0]! - world.clock.now() + 10_000)
    expect((await world.until(schedules.get('ours'))).runs).toMatchObject([{ status: 'completed' }])
  })

  test('drafts are checked with the parameters of the type, also to preview them', async () => {
    const { world, schedules } = await opened()
    const outcomeOf = (answer: Promise<unknown>) =>
      world.until(
        answer.then(
          () => 'created',
          (error: { code: string }) => error.code,
        ),
      )
    const refused = async (draft: object) => {
      const whole = { type: 'work', every: '1m', ...draft }
      const previewed = await outcomeOf(schedules.preview(whole))
      const created = await outcomeOf(schedules.create(whole))
      expect(previewed).toBe(created === 'SCHEDULE_EXISTS' ? 'created' : created)
      return created
    }
    expect(await refused({ type: 'none' })).toBe('TYPE_UNKNOWN')
    expect(await refused({ parameters: { seconds: 'x' } })).toBe('PARAMETERS_INVALID')
    expect(await refused({ every: '0.5s' })).toBe('OPTIONS_INVALID')
    expect(await refused({ id: 'a b' })).toBe('OPTIONS_INVALID')
    expect(await refused({ options: { priority: 5_000 } })).toBe('OPTIONS_INVALID')
    expect(await refused({ options: { limits: { none: 'a' } } })).toBe('OPTIONS_INVALID')
    expect(await refused({ id: 'a' })).toBe('created')
    expect(await refused({ id: 'a' })).toBe('SCHEDULE_EXISTS')
  })

  test('limited callers see and change schedules of their types and tags', async () => {
    const { world, schedules } = await opened()
    await world.until(schedules.create({ id: 'a', type: 'work', every: '1m', options: { tags: ['a'] } }))
    await world.until(schedules.create({ id: 'b', type: 'work', every: '1m' }))
    const limited = world.node.as({ ...fromLibrary.caller, name: 'ci', tags: ['a'] }).schedules
    expect((await world.until(limited.list())).schedules.map(({ schedule }) => schedule.id)).toEqual(['a'])
    await expect(world.until(limited.pause('b'))).rejects.toMatchObject({ code: 'SCHEDULE_UNKNOWN' })
    await expect(world.until(limited.create({ type: 'work', every: '1m' }))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
    expect((await world.until(limited.pause('a'))).schedule.paused).toMatchObject({ by: 'ci' })
  })
})
