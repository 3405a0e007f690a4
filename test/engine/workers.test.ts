import { beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { Caller } from '../../src/core/caller.ts'
import { isWorkerId } from '../../src/core/worker.ts'
import type { ClaimedTask, WorkerTypeDraft, WorkersApi } from '../../src/engine/workers-api.ts'
import { defineTask } from '../../src/registry/define.ts'
import { stores, World } from './world.ts'

const lease = 30_000
const grace = 5_000
const never = new AbortController().signal
const local = defineTask({ type: 'local', parameters: z.object({}), run: () => 'here' })
const echo: WorkerTypeDraft = { type: 'echo', pause: 'checkpoint' }

/** A worker that does what a test tells it. */
class Puppet {
  readonly world: World
  readonly name: string
  readonly api: WorkersApi

  constructor(world: World, name: string, api: WorkersApi) {
    this.world = world
    this.name = name
    this.api = api
  }

  static async register(
    world: World,
    name = 'one',
    types: readonly WorkerTypeDraft[] = [echo],
    api: WorkersApi = world.node.workers,
  ): Promise<Puppet> {
    expect(await world.until(api.register(name, types))).toEqual({ lease })
    return new Puppet(world, name, api)
  }

  claims(max = 1): Promise<readonly ClaimedTask[]> {
    return this.world.until(this.api.claim(this.name, { max, wait: 0, signal: never }))
  }

  async claim(): Promise<ClaimedTask> {
    const [task] = await this.claims()
    return task ?? expect.unreachable('there was nothing to claim')
  }

  async beat(token: string, beat: Parameters<WorkersApi['beat']>[1] = {}): Promise<string> {
    return (await this.world.until(this.api.beat(token, beat, never))).signal
  }
}

// On the fake clock, nothing is loaded from a disk.
beforeAll(async () => {
  await import('ajv/dist/2020.js')
})

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  )

describe.each(stores)('workers on $name', ({ open }) => {
  const opened = async (types: readonly WorkerTypeDraft[] = [echo]) => {
    const world = await World.open(open, [local])
    const worker = await Puppet.register(world, 'one', types)
    const submit = async (parameters: unknown = {}, type = 'echo') =>
      (await world.until(world.node.enqueue(type, parameters))).task
    return { world, worker, submit }
  }

  test('a waiting claim gets a task as soon as it is queued, and each task goes to one worker', async () => {
    const { world, worker, submit } = await opened()
    const other = await Puppet.register(world, 'two')
    const claims = [worker, other].map(({ api, name }) =>
      api.claim(name, { max: 1, wait: 50_000, signal: never }),
    )
    await world.pass(20_000)
    const task = await submit({ a: 1 })
    expect(await world.until(claims[0]!)).toMatchObject([
      { id: task.id, type: 'echo', attempt: 1, parameters: '{"a":1}', checkpoint: null },
    ])
    expect(await world.until(claims[1]!, 30_000)).toEqual([])
  })

  test('a claim takes what it can at once, and many waiting workers share many tasks', async () => {
    const { world, worker, submit } = await opened()
    const workers = [
      worker,
      ...(await Promise.all(['b', 'c', 'd'].map((name) => Puppet.register(world, name)))),
    ]
    for (let count = 0; count < 5; count++) await submit()
    expect(await worker.claims(2)).toHaveLength(2)
    const rest = workers.map(({ api, name }) => api.claim(name, { max: 2, wait: 1_000, signal: never }))
    await world.pass(1_000)
    const counts = (await Promise.all(rest)).map(({ length }) => length)
    expect(counts.reduce((sum, count) => sum + count)).toBe(3)
  })

  test('idle workers that call again ask the store nothing, and still get a task as soon as it is queued', async () => {
    const { world, worker, submit } = await opened()
    const other = await Puppet.register(world, 'two')
    const claim = ({ api, name }: Puppet) => api.claim(name, { max: 1, wait: 10_000, signal: never })
    const claims = vi.spyOn(world.store, 'claim')
    const asked = () => claims.mock.calls.filter(([{ node }]) => isWorkerId(node)).length
    const idle = [worker, other].map((one) => world.until(claim(one), 10_000))
    expect(await Promise.all(idle)).toEqual([[], []])
    expect(asked()).toBe(2)
    const again = [worker, other].map(claim)
    await world.pass(9_000)
    expect(asked()).toBe(2)
    const [first, second] = [await submit(), await submit()]
    const got = await Promise.all(again.map((one) => world.until(one)))
    expect(got.flat().map(({ id }) => id)).toEqual([first.id, second.id])
    // What is queued while nobody waits is found by the next call.
    const third = await submit()
    expect(await world.until(claim(other))).toMatchObject([{ id: third.id }])
  })

  test('the client of a waiting claim hangs up: nothing is claimed for it', async () => {
    const { world, worker, submit } = await opened()
    const gone = new AbortController()
    const claim = worker.api.claim(worker.name, { max: 1, wait: 50_000, signal: gone.signal })
    await world.pass(100)
    gone.abort()
    expect(await world.until(claim)).toEqual([])
    const task = await submit()
    expect(await world.status(task)).toBe('queued')
  })

  test('a client hangs up while its claim is on the way: the task goes back, and no attempt is used', async () => {
    const { world, worker, submit } = await opened()
    const task = await submit()
    const gone = new AbortController()
    const claim = worker.api.claim(worker.name, { max: 1, wait: 50_000, signal: gone.signal })
    // The store has the claim, and has not answered.
    await Promise.resolve()
    await Promise.resolve()
    gone.abort()
    await world.until(claim)
    expect(await world.status(task)).toBe('queued')
    expect(await worker.claim()).toMatchObject({ attempt: 1 })
  })

  test('parameters are checked by the JSON schema, and the latest registration defines the type', async () => {
    const number = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }
    const { world, submit } = await opened([{ ...echo, parameters: number }])
    expect(await codeOf(submit({ a: 'x' }))).toBe('PARAMETERS_INVALID')
    await submit({ a: 1 })
    await world.pass(1)
    const text = { type: 'object', properties: { a: { type: 'string' } } }
    await Puppet.register(world, 'newer', [{ ...echo, parameters: text }])
    await submit({ a: 'x' })
    expect(await codeOf(submit({ a: 1 }))).toBe('PARAMETERS_INVALID')
    const invalid = world.node.workers.register('bad', [{ ...echo, parameters: { type: 'nothing' } }])
    await expect(world.until(invalid)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      issues: [{ path: 'types.0.parameters' }],
    })
  })

  test('a type that a server runs is refused, and a name belongs to the caller that registered it', async () => {
    const { world, worker } = await opened()
    const take = world.node.workers.register('two', [echo, { type: 'local', pause: 'none' }])
    expect(await codeOf(world.until(take))).toBe('TYPE_TAKEN')
    const key: Caller = { id: 'key', name: 'ci', scopes: ['worker'], types: ['echo'], tags: null }
    const api = world.node.as(key).workers
    expect(await codeOf(world.until(api.register('one', [echo])))).toBe('WORKER_NAME_TAKEN')
    const claim = { max: 1, wait: 0, signal: never }
    expect(await codeOf(world.until(api.claim('one', claim)))).toBe('WORKER_UNKNOWN')
    expect(await codeOf(world.until(api.register('three', [{ ...echo, type: 'other' }])))).toBe('FORBIDDEN')
    const tagged = world.node.as({ ...key, tags: ['a'] }).workers
    expect(await codeOf(world.until(tagged.register('three', [echo])))).toBe('FORBIDDEN')
    expect(await codeOf(world.until(worker.api.claim('one', { ...claim, types: ['local'] })))).toBe(
      'TYPE_UNKNOWN',
    )
    // Not even its token helps another caller.
    await world.until(world.node.enqueue('echo', {}))
    const { token } = await worker.claim()
    expect(await codeOf(world.until(api.complete(token, 1)))).toBe('FORBIDDEN')
  })

  test('a beat stores progress, checkpoint and log lines, and hides what the schema marks as sensitive', async () => {
    const properties = { password: { type: 'string', writeOnly: true } }
    const { world, worker, submit } = await opened([{ ...echo, parameters: { type: 'object', properties } }])
    const task = await submit({ password: 'open sesame' })
    const { token, parameters } = await worker.claim()
    expect(parameters).toContain('open sesame')
    const progress = { current: 1, total: 4, message: 'says open sesame' }
    expect(await worker.beat(token, { progress, checkpoint: { at: 1 }, logs: ['with open sesame'] })).toBe(
      'none',
    )
    const record = await world.store.read(task.id)
    expect(record).toMatchObject({
      task: { progress: { current: 1, total: 4, message: 'says [redacted]' } },
      checkpoint: '{"at":1}',
    })
    expect(await world.store.log(task.id, 0, 9)).toMatchObject([{ text: 'with [redacted]', attempt: 1 }])
    const error = { message: 'wrong: open sesame' }
    await world.until(worker.api.fail(token, { error, retryable: false }))
    expect((await world.store.get(task.id))?.error).toMatchObject({ message: 'wrong: [redacted]' })
    expect((await world.until(world.node.as(anyone).details(task.id))).parameters).toBe(
      '{"password":"[redacted]"}',
    )
  })

  test('a pause reaches a waiting beat at once, and the task continues from its checkpoint on another worker', async () => {
    const { world, worker, submit } = await opened()
    const task = await submit()
    const { token } = await worker.claim()
    const beat = worker.api.beat(token, { wait: 10_000 }, never)
    await world.pass(1_000)
    const pausing = world.node.control(task.id, 'pause', { wait: 2_000 })
    expect(await world.until(beat)).toMatchObject({ signal: 'pause' })
    expect(await world.until(worker.api.paused(token, { at: 2 }))).toEqual({ id: task.id, status: 'paused' })
    expect(await world.until(pausing)).toMatchObject({ status: 'paused', ownerNode: null })
    await world.pass(60_000)
    await world.control(task.id, 'resume')
    const other = await Puppet.register(world, 'two')
    const again = await other.claim()
    expect(again).toMatchObject({ id: task.id, attempt: 1, checkpoint: '{"at":2}' })
    await world.pass(500)
    await world.until(other.api.complete(again.token, 'done'))
    const record = await world.store.read(task.id)
    expect(record).toMatchObject({ task: { activeMs: 1_500, pausedMs: 60_000 }, result: '"done"' })
    expect(record?.timeline.map(({ event, by }) => `${event} ${by}`)).toEqual([
      'submitted library',
      'claimed worker one',
      'pause_requested library',
      'paused worker one',
      'resumed library',
      'claimed worker two',
      'completed worker two',
    ])
  })

  test('a pause that is withdrawn in time is no signal, and a worker that cannot pause gets none', async () => {
    const { world, worker, submit } = await opened([echo, { type: 'stubborn', pause: 'none' }])
    const task = await submit()
    const { token } = await worker.claim()
    await world.control(task.id, 'pause')
    await world.control(task.id, 'resume')
    expect(await worker.beat(token)).toBe('none')
    // It stopped all the same: the task is queued again.
    expect(await world.until(worker.api.paused(token, { at: 1 }))).toMatchObject({ status: 'queued' })
    const stubborn = await submit({}, 'stubborn')
    const claimed = (await worker.claims(2)).find(({ id }) => id === stubborn.id)!
    await world.control(stubborn.id, 'pause')
    expect(await worker.beat(claimed.token)).toBe('none')
    expect(await world.until(worker.api.complete(claimed.token, 1))).toMatchObject({ status: 'completed' })
  })

  test('a cancel reaches the next beat, and ends the lease after the grace period', async () => {
    const { world, worker, submit } = await opened()
    const [obeyed, ignored] = [await submit(), await submit()]
    const [first, second] = await worker.claims(2)
    await world.control(obeyed.id, 'cancel')
    expect(await worker.beat(first!.token)).toBe('cancel')
    const failed = worker.api.fail(first!.token, { error: { message: 'cancelled' } })
    expect(await world.until(failed)).toEqual({ id: obeyed.id, status: 'cancelled' })
    expect((await world.store.get(obeyed.id))?.endedBy).toBe('cooperative')

    await world.control(ignored.id, 'cancel')
    await world.pass(grace - 2_500)
    expect(await world.status(ignored)).toBe('cancelling')
    await world.pass(2_500)
    expect(await world.store.get(ignored.id)).toMatchObject({ status: 'cancelled', endedBy: 'killed' })
    expect(await codeOf(worker.beat(second!.token))).toBe('LEASE_LOST')
    expect(await codeOf(world.until(worker.api.complete(second!.token, 1)))).toBe('LEASE_LOST')
  })

  test('a timeout counts active time only, tells the worker, and ends the lease of one that ignores it', async () => {
    const { world, worker, submit } = await opened([{ ...echo, timeout: 10_000, attempts: 2 }])
    const task = await submit()
    const { token } = await worker.claim()
    await world.pass(6_000)
    await world.until(world.node.control(task.id, 'pause'))
    await world.until(worker.api.paused(token, { at: 1 }))
    await world.pass(600_000)
    await world.control(task.id, 'resume')
    const again = await worker.claim()
    const beat = worker.api.beat(again.token, { wait: 15_000 }, never)
    await world.pass(3_999)
    expect(await Promise.race([beat, Promise.resolve('waiting')])).toBe('waiting')
    expect(await world.until(beat, 1)).toMatchObject({ signal: 'cancel' })
    await world.pass(grace + 100)
    expect(await world.store.get(task.id)).toMatchObject({
      status: 'scheduled',
      failures: 1,
      error: { code: 'TIMEOUT' },
    })
    expect(await codeOf(world.until(worker.api.complete(again.token, 1)))).toBe('LEASE_LOST')
    await world.pass(60_000)
    expect(await worker.claim()).toMatchObject({ id: task.id, attempt: 2, checkpoint: '{"at":1}' })
  })

  test('a lost worker: its task goes elsewhere from the checkpoint, and a late settlement is refused', async () => {
    const { world, worker, submit } = await opened()
    const task = await submit()
    const { token } = await worker.claim()
    await world.pass(lease - 1_000)
    await worker.beat(token, { checkpoint: { at: 3 } })
    await world.pass(lease - 1_000)
    expect(await world.status(task)).toBe('running')
    await world.pass(1_100)
    expect(await world.store.get(task.id)).toMatchObject({ status: 'queued', crashes: 1, ownerNode: null })
    const other = await Puppet.register(world, 'two')
    const again = await other.claim()
    expect(again).toMatchObject({ id: task.id, attempt: 2, checkpoint: '{"at":3}' })
    for (const late of [
      () => worker.api.complete(token, 'late'),
      () => worker.api.fail(token, { error: { message: 'late' } }),
      () => worker.api.paused(token, null),
    ])
      expect(await codeOf(world.until(late()))).toBe('LEASE_LOST')
    expect(await codeOf(worker.beat(token))).toBe('LEASE_LOST')
    await world.until(other.api.complete(again.token, 'in time'))
    expect((await world.store.read(task.id))?.result).toBe('"in time"')
  })

  test('a task that takes every worker with it fails as poison', async () => {
    const { world, worker, submit } = await opened()
    const task = await submit()
    for (let loss = 1; loss <= 4; loss++) {
      expect(await worker.claim()).toMatchObject({ id: task.id, attempt: loss })
      await world.pass(lease + 100)
    }
    expect(await world.store.get(task.id)).toMatchObject({ status: 'failed', error: { code: 'POISON' } })
  })

  test('a repeated settlement answers as the first did, another one is refused, and so is a forged token', async () => {
    const { world, worker, submit } = await opened([{ ...echo, attempts: 2 }])
    const task = await submit()
    const { token } = await worker.claim()
    const error = { code: 'NO', message: 'no' }
    const fail = () => world.until(worker.api.fail(token, { error, delay: 7_000 }))
    expect(await fail()).toEqual({ id: task.id, status: 'scheduled' })
    expect((await world.store.get(task.id))?.delay).toBe(7_000)
    await world.pass(7_000)
    const again = await worker.claim()
    expect(await fail()).toEqual({ id: task.id, status: 'scheduled' })
    expect(await codeOf(world.until(worker.api.complete(token, 1)))).toBe('LEASE_LOST')
    const complete = () => world.until(worker.api.complete(again.token, 1))
    expect([await complete(), await complete()]).toEqual([
      { id: task.id, status: 'completed' },
      { id: task.id, status: 'completed' },
    ])
    for (const forged of ['', 'x', 'e30.e30', `${again.token.split('.')[0]}.AAAA`, `${again.token}x`])
      expect(await codeOf(world.until(worker.api.complete(forged, 1)))).toBe('LEASE_LOST')
  })

  test('a failure is retried, unless it is final', async () => {
    const { world, worker, submit } = await opened([{ ...echo, attempts: 3 }])
    const task = await submit()
    const first = await worker.claim()
    await world.until(worker.api.fail(first.token, { error: { message: 'again' } }))
    expect(await world.store.get(task.id)).toMatchObject({ status: 'scheduled', error: { code: 'ERROR' } })
    await world.pass(60_000)
    const second = await worker.claim()
    const final = worker.api.fail(second.token, { error: { code: 'NO', message: 'no' }, retryable: false })
    expect(await world.until(final)).toMatchObject({ status: 'failed' })
    expect(await world.store.get(task.id)).toMatchObject({ attempt: 2, error: { code: 'NO', message: 'no' } })
  })

  test('the concurrency of a type holds over all workers', async () => {
    const { world, worker, submit } = await opened([{ ...echo, concurrency: 1 }])
    const other = await Puppet.register(world, 'two', [{ ...echo, concurrency: 1 }])
    await submit()
    await submit()
    const { token } = await worker.claim()
    const waiting = other.api.claim('two', { max: 1, wait: 20_000, signal: never })
    await world.pass(5_000)
    await world.until(worker.api.complete(token, 1))
    expect(await world.until(waiting)).toHaveLength(1)
  })

  test('a server restarts: its worker keeps the task, and needs no other registration', async () => {
    const { world, worker, submit } = await opened()
    const task = await submit()
    const { token } = await worker.claim()
    await world.pass(lease - 100)
    await world.until(world.node.close({ drain: 0 }))
    await world.pass(lease)
    await world.startNode()
    await world.pass(lease - 200)
    expect(await world.status(task)).toBe('running')
    const { workers } = world.node
    expect(await world.until(workers.beat(token, {}, never))).toMatchObject({ signal: 'none' })
    await world.until(workers.complete(token, 'after'))
    expect(await world.store.read(task.id)).toMatchObject({ result: '"after"', task: { attempt: 1 } })
    await submit()
    expect(await world.until(workers.claim('one', { max: 1, wait: 0, signal: never }))).toHaveLength(1)
  })

  test('the last server drains: workers give back what they can continue, and others keep their task', async () => {
    const { world, worker, submit } = await opened([echo, { type: 'stubborn', pause: 'none' }])
    const [task, stubborn] = [await submit(), await submit({}, 'stubborn')]
    const claimed = await worker.claims(2)
    const tokenOf = ({ id }: { id: string }) => claimed.find((one) => one.id === id)!.token
    const beat = worker.api.beat(tokenOf(task), { wait: 15_000 }, never)
    const claim = worker.api.claim('one', { max: 1, wait: 50_000, signal: never })
    await world.pass(10)
    const closing = world.node.close()
    expect(await world.until(beat)).toMatchObject({ signal: 'drain' })
    expect(await world.until(claim)).toEqual([])
    expect(await codeOf(worker.claims())).toBe('SHUTTING_DOWN')
    expect(await worker.beat(tokenOf(stubborn))).toBe('none')
    expect(await world.until(worker.api.paused(tokenOf(task), { at: 1 }))).toMatchObject({ status: 'queued' })
    await world.until(closing)
    expect(await world.store.get(task.id)).toMatchObject({ status: 'queued', crashes: 0 })
    expect(await world.status(stubborn)).toBe('running')
  })

  test('a type whose workers are gone is not listed, and its tasks wait and can be read', async () => {
    const { world, submit } = await opened()
    expect(world.node.registry.names).toEqual(['local', 'echo'])
    const task = await submit({ a: 1 })
    const reasons = async () =>
      (await world.until(world.node.explain(task.id))).reasons.map(({ code }) => code)
    expect(await reasons()).toEqual(['waits_for_worker'])
    await world.pass(2 * lease)
    await world.until(world.node.learn())
    expect(world.node.registry.names).toEqual(['local'])
    expect(await reasons()).toEqual(['no_worker'])
    expect(await world.until(world.node.workers.list())).toEqual([])
    expect((await world.until(world.node.as(anyone).details(task.id))).parameters).toBe('{"a":1}')
    await submit({ a: 2 })
    await Puppet.register(world, 'back')
    expect(await world.status(task)).toBe('queued')
    expect(world.node.registry.names).toEqual(['local', 'echo'])
  })

  describe('steps', () => {
    const step = (name: string, result: unknown, occurrence = 1) => ({
      name,
      occurrence,
      attempts: 1,
      took: 5,
      result,
    })

    test('are stored by beats, and read back by a later claim of another worker', async () => {
      const { world, worker, submit } = await opened()
      const task = await submit()
      const { token } = await worker.claim()
      expect((await world.until(worker.api.steps(token, 0))).steps).toEqual([])
      await worker.beat(token, { steps: [step('charge', { id: 1 })] })
      // The first completion counts, and a failed step is replaced.
      await worker.beat(token, { steps: [step('charge', { id: 2 }), step('charge', 'again', 2)] })
      const failed = { name: 'ship', occurrence: 1, attempts: 1, took: 5, error: { message: 'no room' } }
      await worker.beat(token, { steps: [failed] })
      await world.pass(lease + 100)
      const other = await Puppet.register(world, 'two')
      const again = await other.claim()
      expect(await codeOf(worker.beat(token, { steps: [step('late', 1)] }))).toBe('LEASE_LOST')
      expect(await codeOf(world.until(worker.api.steps(token, 0)))).toBe('LEASE_LOST')
      expect((await world.until(other.api.steps(again.token, 0))).steps).toMatchObject([
        { number: 1, name: 'charge', occurrence: 1, status: 'completed', result: '{"id":1}', attempts: 1 },
        { number: 2, name: 'charge', occurrence: 2, status: 'completed', result: '"again"' },
        { number: 3, name: 'ship', status: 'failed', result: null, error: { message: 'no room' } },
      ])
      await other.beat(again.token, { steps: [{ ...step('ship', 'sent'), attempts: 2 }] })
      await world.until(other.api.complete(again.token, null))
      const { steps } = (await world.store.steps(task.id, { after: 2, limit: 9, bytes: 1_000 }))!
      expect(steps).toMatchObject([{ number: 3, status: 'completed', result: '"sent"', attempts: 2 }])
    })

    test('are limited in size and in number, and repeating one that is stored is never too many', async () => {
      const { world, worker, submit } = await opened()
      await submit()
      const { token } = await worker.claim()
      const large = worker.beat(token, { steps: [step('large', 'x'.repeat(1_048_577))] })
      expect(await codeOf(large)).toBe('TOO_LARGE')
      for (let first = 1; first <= 10_000; first += 1_000)
        await worker.beat(token, {
          steps: Array.from({ length: 1_000 }, (_, index) => step('n', null, first + index)),
        })
      expect(await codeOf(worker.beat(token, { steps: [step('one more', 1)] }))).toBe('TOO_MANY_STEPS')
      expect(await worker.beat(token, { steps: [step('n', null, 10_000)] })).toBe('none')
      const first = await world.until(worker.api.steps(token, 0))
      expect(first).toMatchObject({ next: 500 })
      expect((await world.until(worker.api.steps(token, 9_500))).next).toBeNull()
    })
  })

  describe('a parked task', () => {
    const sleeps = { over: 0, left: [] }
    const question = { name: 'ok', occurrence: 1, schema: null, message: 'Ship it?', timeout: null }
    const look = async (puppet: Puppet, token: string, more = {}) =>
      puppet.world.until(puppet.api.wait(token, { ...question, timedOut: false, ...more }))

    /** Claims a task, and comes to its wait. */
    const asked = async (timeout: number | null = null) => {
      const { world, worker, submit } = await opened()
      const task = await submit()
      const { token } = await worker.claim()
      const state = await look(worker, token, { timeout })
      if (state.kind !== 'open') return expect.unreachable('it has an answer')
      const parking = { wakeIn: state.left, awaits: { seen: state.seen, waits: ['ok'] }, sleeps }
      const park = (checkpoint?: unknown) => world.until(worker.api.park(token, { ...parking, checkpoint }))
      const answer = (value: unknown) => world.until(world.node.waits.answer(task.id, 'ok', value))
      const other = await Puppet.register(world, 'two')
      return { world, worker, other, task, token, park, answer }
    }

    test('sleeps without worker and lease, and continues on any worker', async () => {
      const { world, worker, submit } = await opened()
      const task = await submit()
      const { token, sleeps: none } = await worker.claim()
      expect(none).toBeNull()
      const parking = {
        wakeIn: 600_000,
        awaits: null,
        sleeps: { over: 1, left: [600_000, 900_000] },
        checkpoint: { at: 1 },
      }
      expect(await world.until(worker.api.park(token, parking))).toEqual({ id: task.id, status: 'waiting' })
      expect(await world.store.get(task.id)).toMatchObject({ ownerNode: null, crashes: 0 })
      expect(await codeOf(worker.beat(token))).toBe('LEASE_LOST')
      await world.pass(599_000)
      expect(await worker.claims()).toEqual([])
      const other = await Puppet.register(world, 'two')
      await world.pass(1_000)
      const again = await other.claim()
      expect(again).toMatchObject({ id: task.id, attempt: 1, fence: 2, checkpoint: '{"at":1}' })
      expect(again.sleeps).toEqual({ over: 1, left: [0, 300_000] })
      // A pause point without a new checkpoint keeps what was slept; a checkpoint starts anew.
      await world.until(other.api.paused(again.token, null))
      const third = await other.claim()
      expect(third.sleeps).toMatchObject({ over: 1 })
      await other.beat(third.token, { checkpoint: { at: 2 } })
      await world.until(other.api.paused(third.token, null))
      expect(await other.claim()).toMatchObject({ sleeps: null, checkpoint: '{"at":2}' })
      expect(await world.moves(task)).toBe(
        'submitted claimed sleep_started woken claimed released claimed released claimed',
      )
    })

    test('continues as soon as there is an answer, which a later run gets at once', async () => {
      const { world, other, task, park, answer } = await asked()
      expect(await park({ at: 1 })).toEqual({ id: task.id, status: 'waiting' })
      const claim = other.api.claim('two', { max: 1, wait: 50_000, signal: never })
      await world.pass(40_000)
      await answer({ approved: true })
      const [again] = await world.until(claim)
      expect(again).toMatchObject({ id: task.id, attempt: 1, checkpoint: '{"at":1}' })
      expect(await look(other, again!.token)).toEqual({ kind: 'answered', answer: '{"approved":true}' })
    })

    test('an answer between look and park: the task is queued instead, and no worker is needed for that', async () => {
      const { world, worker, other, task, token, park, answer } = await asked()
      await answer('yes')
      expect(await park({ at: 1 })).toEqual({ id: task.id, status: 'queued' })
      expect(await world.store.get(task.id)).toMatchObject({ ownerNode: null, crashes: 0, attempt: 1 })
      const again = await other.claim()
      expect(again).toMatchObject({ attempt: 1, checkpoint: '{"at":1}' })
      // The old lease: what it repeats is answered as before, and nothing else is accepted.
      expect(await park()).toEqual({ id: task.id, status: 'queued' })
      for (const late of [
        () => worker.api.complete(token, 'late'),
        () => worker.api.fail(token, { error: { message: 'late' } }),
      ])
        expect(await codeOf(world.until(late()))).toBe('LEASE_LOST')
      expect(await codeOf(look(worker, token))).toBe('LEASE_LOST')
      expect(await look(other, again.token)).toMatchObject({ answer: '"yes"' })
      await world.until(other.api.complete(again.token, 'done'))
      expect(await world.store.read(task.id)).toMatchObject({ result: '"done"' })
    })

    test('the worker dies before or after its park is recorded', async () => {
      const before = await asked()
      // It never parks: its lease ends, and the answer waits for the next run.
      await before.answer('early')
      await before.world.pass(lease + 100)
      expect(await before.world.store.get(before.task.id)).toMatchObject({ status: 'queued', crashes: 1 })
      const again = await before.other.claim()
      expect(await look(before.other, again.token)).toMatchObject({ answer: '"early"' })
      expect(await codeOf(before.park())).toBe('LEASE_LOST')

      const after = await asked()
      await after.park()
      await after.world.pass(10 * lease)
      expect(await after.world.status(after.task)).toBe('waiting')
      await after.answer('late')
      expect(await after.other.claim()).toMatchObject({ id: after.task.id, attempt: 1 })
      // The response of its park was lost.
      expect(await after.park()).toEqual({ id: after.task.id, status: 'waiting' })
      expect(await after.world.status(after.task)).toBe('running')
    })

    test('the last server restarts between look and park, and while the task waits', async () => {
      const { world, worker, task, token } = await asked()
      const restart = async () => {
        await world.until(world.node.close({ drain: 0 }))
        await world.startNode()
      }
      await restart()
      const state = { wakeIn: null, awaits: { seen: 0, waits: ['ok'] }, sleeps }
      const { workers } = world.node
      expect(await world.until(workers.park(token, state))).toMatchObject({ status: 'waiting' })
      await restart()
      expect(await world.until(world.node.workers.park(token, state))).toMatchObject({ status: 'waiting' })
      await world.until(world.node.waits.answer(task.id, 'ok', 1))
      const claim = { max: 1, wait: 0, signal: never }
      expect(await world.until(world.node.workers.claim(worker.name, claim))).toMatchObject([{ id: task.id }])
    })

    test('a pause and a cancel, before the park and after it', async () => {
      const paused = await asked()
      await paused.world.until(paused.world.node.control(paused.task.id, 'pause'))
      expect(await paused.park()).toEqual({ id: paused.task.id, status: 'paused' })
      await paused.answer('meanwhile')
      expect(await paused.world.status(paused.task)).toBe('paused')
      await paused.world.control(paused.task.id, 'resume')
      expect(await paused.other.claim()).toMatchObject({ id: paused.task.id })

      const later = await asked()
      await later.park()
      await later.world.control(later.task.id, 'pause')
      await later.world.control(later.task.id, 'resume')
      expect(await later.world.status(later.task)).toBe('waiting')
      await later.world.control(later.task.id, 'cancel')
      expect(await later.world.store.get(later.task.id)).toMatchObject({ status: 'cancelled', endedBy: null })
      expect(await later.park()).toEqual({ id: later.task.id, status: 'waiting' })

      const cancelled = await asked()
      await cancelled.world.control(cancelled.task.id, 'cancel')
      expect(await cancelled.park()).toEqual({ id: cancelled.task.id, status: 'cancelled' })
    })

    test('times out, counted from the first look, and then refuses an answer', async () => {
      const { world, other, park, answer } = await asked(60_000)
      await park()
      await world.pass(60_000)
      const again = await other.claim()
      expect(await look(other, again.token, { timeout: 60_000 })).toMatchObject({ kind: 'open', left: 0 })
      const over = { timeout: 60_000, timedOut: true }
      expect(await look(other, again.token, over)).toEqual({ kind: 'timed-out' })
      expect(await codeOf(answer('too late'))).toBe('WAIT_ANSWERED')
    })

    test('an answer that comes before the wait is taken at once if it fits, and dropped with a note if not', async () => {
      const { world, worker, submit } = await opened()
      const [fits, misfits] = [await submit(), await submit()]
      for (const task of [fits, misfits])
        await world.until(world.node.waits.answer(task.id, 'ok', task === fits ? true : 'no boolean'))
      const claimed = await worker.claims(2)
      const schema = JSON.stringify({ type: 'boolean' })
      const tokenOf = ({ id }: { id: string }) => claimed.find((one) => one.id === id)!.token
      expect(await look(worker, tokenOf(fits), { schema })).toEqual({ kind: 'answered', answer: 'true' })
      expect(await look(worker, tokenOf(misfits), { schema })).toMatchObject({ kind: 'open' })
      expect(await world.store.log(misfits.id, 0, 9)).toMatchObject([
        { text: expect.stringContaining('does not match its schema') },
      ])
      const invalid = look(worker, tokenOf(misfits), { schema: '{"type":"nothing"}' })
      expect(await codeOf(invalid)).toBe('OPTIONS_INVALID')
    })
  })
})

const anyone: Caller = { id: 'reader', name: 'reader', scopes: ['read'], types: null, tags: null }
