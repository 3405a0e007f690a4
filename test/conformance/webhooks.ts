import { describe, expect } from 'vitest'
import { webhookEntry } from '../../src/core/audit.ts'
import { webhookRotated, type Delivery, type NewDelivery, type NewWebhook } from '../../src/core/webhook.ts'
import type { Attempted, Lease, Leased } from '../../src/store/webhook-store.ts'
import { boom, by, fromApi } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const lease = 30_000
const url = 'https://example.com/hook?\uFFFF=\0'

export function webhooks(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('webhooks', () => {
    test('are stored as they are, and raise the version with each change', async ({ store, clock }) => {
      expect(await store.webhooks.read()).toEqual({ version: 0, webhooks: [] })
      expect(await store.webhooks.read(0)).toBeNull()
      const first = await store.webhooks.add(draft({ id: 'b', url, tags: ['a', '\uFFFF'] }))
      const second = await store.webhooks.add(draft({ id: 'a', types: ['work'] }))
      expect(first).toEqual({ ...draft({ id: 'b', url, tags: ['a', '\uFFFF'] }), createdAt: clock.now() })
      expect(await store.webhooks.read(1)).toEqual({ version: 2, webhooks: [first, second] })
      const rotated = await store.webhooks.change('b', (webhook, now) =>
        webhookRotated(webhook, 'whsec_new', 1_000, now),
      )
      expect(rotated?.secrets).toEqual([
        { secret: 'whsec_new', until: null },
        { secret: 'whsec_secret', until: clock.now() + 1_000 },
      ])
      expect(await store.webhooks.change('none', (webhook) => webhook)).toBeNull()
      expect(await store.webhooks.remove('a')).toBe(true)
      expect(await store.webhooks.remove('a')).toBe(false)
      expect((await store.webhooks.read())?.webhooks).toEqual([rotated])
    })

    test('leave an entry in the audit log with each change', async ({ store }) => {
      const entry = (action: Parameters<typeof webhookEntry>[1]) => webhookEntry(by('ops'), action, 'one')
      await store.webhooks.add(draft(), entry('webhook.create'))
      await store.webhooks.change('one', (webhook) => webhook, entry('webhook.rotate'))
      await store.webhooks.change('none', (webhook) => webhook, entry('webhook.rotate'))
      await store.webhooks.send(testDelivery, entry('webhook.test'))
      const [sent] = await all(store)
      await store.webhooks.redeliver('one', sent!.number, entry('webhook.redeliver'))
      await store.webhooks.redeliver('one', 0, entry('webhook.redeliver'))
      await store.webhooks.remove('one', entry('webhook.delete'))
      await store.webhooks.remove('one', entry('webhook.delete'))
      const { entries } = await store.audit.read({ filter: {}, after: null, scan: 100 })
      expect(entries.map(({ action }) => action)).toEqual([
        'webhook.delete',
        'webhook.redeliver',
        'webhook.test',
        'webhook.rotate',
        'webhook.create',
      ])
      expect(entries[0]).toMatchObject({ target: { id: 'one', name: null }, caller: { name: 'ops' } })
    })

    test('report every event of a task that they want, as it was then', async (scene) => {
      const { store, clock } = scene
      await store.webhooks.add(draft())
      await store.webhooks.add(draft({ id: 'ends', events: ['task.failed'], tags: ['a', 'b'] }))
      await store.webhooks.add(draft({ id: 'others', types: ['other'] }))
      await store.webhooks.add(draft({ id: 'gone', disabledAt: 1 }))
      const task = await scene.submit({ tags: ['b', '\uFFFF'], trace: 'trace' })
      await clock.advance(10)
      const claimed = await scene.claimOne(task)
      await scene.settle(claimed.task, { kind: 'failed', error: boom, retryIn: null })
      const facts = { type: 'work', tags: ['b', '\uFFFF'] }
      expect(await all(store)).toMatchObject([
        { event: 'task.failed', version: 3, facts: { ...facts, status: 'failed', error: { code: 'BOOM' } } },
        { event: 'task.claimed', version: 2, at: clock.now(), facts: { ...facts, status: 'running' } },
        {
          webhookId: 'one',
          lane: 'one',
          url: null,
          event: 'task.submitted',
          taskId: task.id,
          version: 1,
          at: clock.now() - 10,
          facts: { ...facts, status: 'queued' },
          trace: 'trace',
          status: 'pending',
          attempts: 0,
          tries: [],
          endedAt: null,
        },
      ])
      expect(await all(store, 'ends')).toMatchObject([{ event: 'task.failed', taskId: task.id }])
      expect([...(await all(store, 'others')), ...(await all(store, 'gone'))]).toEqual([])
    })

    test('hear of a task that a dead node leaves failed by the name of its end', async (scene) => {
      const { store } = scene
      await store.webhooks.add(draft({ events: ['task.failed', 'task.lost'] }))
      const task = await scene.submit()
      for (let run = 0; run < 4; run++) {
        await scene.claimOne(task)
        await scene.startNode()
        await scene.reap()
      }
      expect((await all(store)).map(({ event }) => event)).toEqual([
        'task.failed',
        'task.lost',
        'task.lost',
        'task.lost',
      ])
    })

    test('report nothing of a change that is refused, replayed or rolled back', async (scene) => {
      const { store } = scene
      await store.webhooks.add(draft())
      const keyed = { idempotencyKey: 'key', requestHash: 'a' }
      await scene.submit(keyed)
      await scene.submit(keyed)
      const full = await store.submit([scene.draft()], { ...fromApi, maxQueued: 1 })
      expect(full.kind).toBe('full')
      await store.control([{ id: 'nobody', control: 'pause', by: 'api' }])
      await scene.control('resume', { id: 'task-1' })
      expect((await all(store)).map(({ event }) => event)).toEqual(['task.submitted'])
    })

    test('are not needed for the callback of a task, which reports each of its ends', async (scene) => {
      const { store } = scene
      const callbackUrl = 'https://example.com:8443/hook?\uFFFF'
      const [task] = [await scene.submit({ callbackUrl })]
      await scene.submit()
      expect(task.callbackUrl).toBe(callbackUrl)
      await scene.control('cancel', task)
      await scene.control('retry', task)
      await scene.control('cancel', task)
      expect(await all(store, 'callbacks')).toMatchObject([
        { event: 'task.cancelled', version: 4, url: callbackUrl, lane: 'callbacks https://example.com:8443' },
        { event: 'task.cancelled', version: 2, taskId: task.id },
      ])
      expect((await scene.task(task)).callbackUrl).toBe(callbackUrl)
    })
  })

  describe('deliveries', () => {
    test('are leased once, and again when the lease ends without a record', async (scene) => {
      const { store, clock } = scene
      await sent(scene, 2)
      const [lane] = await store.webhooks.lanes('', 10)
      expect(lane).toEqual({ lane: 'one', dueIn: 0 })
      const first = await claim(scene, 1)
      const second = await claim(scene, 5)
      expect([numbers(first), numbers(second)].flat()).toEqual(
        (await all(store)).map(({ number }) => number).toReversed(),
      )
      expect(await claim(scene)).toEqual({ deliveries: [], isMore: false })
      expect((await store.webhooks.lanes('', 10))[0]!.dueIn).toBe(lease)
      await clock.advance(lease)
      const again = await claim(scene, 1)
      expect(again.deliveries).toMatchObject([
        { number: numbers(first)[0], fence: first.deliveries[0]!.fence + 1 },
      ])
      // What the node that was killed wrote late is not recorded.
      expect(await store.webhooks.record([succeeded(first), succeeded(again)])).toEqual([false, true])
      expect(await store.webhooks.record([succeeded(again)])).toEqual([false])
      expect((await all(store)).map(({ status, attempts }) => [status, attempts])).toEqual([
        ['pending', 0],
        ['delivered', 1],
      ])
    })

    test('of one task and lane wait for each other, and for no one else', async (scene) => {
      const { store, clock } = scene
      await store.webhooks.add(draft())
      await store.webhooks.add(draft({ id: 'two' }))
      const a = await scene.submit()
      await scene.control('pause', a)
      await scene.control('cancel', a)
      const b = await scene.submit()
      const first = await claim(scene)
      expect(heard(first)).toEqual(['task.submitted task-1', 'task.submitted task-2'])
      expect(heard(await claim(scene, 10, 'two'))).toEqual(heard(first))
      await store.webhooks.record([succeeded(first, 1)])
      expect(await claim(scene)).toEqual({ deliveries: [], isMore: false })
      // The first attempt fails: the rest of its task waits with it.
      await store.webhooks.record([failed(first, 60_000)])
      await clock.advance(1_000)
      await scene.control('cancel', b)
      const other = await claim(scene)
      expect(heard(other)).toEqual(['task.cancelled task-2'])
      await store.webhooks.record([succeeded(other)])
      await clock.advance(59_000)
      const again = await claim(scene)
      expect(heard(again)).toEqual(['task.submitted task-1'])
      expect(again.deliveries[0]).toMatchObject({ failures: 1, tries: [{ status: 500, error: 'no', ms: 7 }] })
      // A dead one no longer hides the others, which are due at once.
      await store.webhooks.record([{ ...succeeded(again), outcome: { kind: 'dead' } }])
      const next = await claim(scene)
      expect(heard(next)).toEqual(['task.paused task-1'])
      await store.webhooks.record([succeeded(next)])
      expect(heard(await claim(scene))).toEqual(['task.cancelled task-1'])
    })

    test('of a slow receiver hide no others, however many there are', async (scene) => {
      const { store } = scene
      await store.webhooks.add(draft())
      const task = await scene.submit()
      for (let round = 0; round < 70; round++) {
        await scene.control('pause', task)
        await scene.control('resume', task)
      }
      await scene.submit()
      const found: Leased['deliveries'][number][] = []
      for (let more = true; more;) {
        const leased = await claim(scene, 10)
        found.push(...leased.deliveries)
        more = leased.isMore
      }
      expect(found.map(({ event, taskId }) => `${event} ${taskId}`)).toEqual([
        'task.submitted task-1',
        'task.submitted task-2',
      ])
    })

    test('are given back at once by a node that closes', async (scene) => {
      const { store } = scene
      await sent(scene, 1)
      const first = await claim(scene)
      await store.webhooks.release(first.deliveries)
      await store.webhooks.release(first.deliveries)
      expect((await claim(scene)).deliveries).toMatchObject([{ fence: first.deliveries[0]!.fence + 1 }])
      expect(await store.webhooks.record([succeeded(first)])).toEqual([false])
    })

    test('are leased to one of two nodes that ask at once', async (scene) => {
      await sent(scene, 20)
      const leased = await Promise.all(Array.from({ length: 4 }, () => claim(scene, 10)))
      const all = leased.flatMap(numbers)
      expect(new Set(all).size).toBe(all.length)
      for (let more = await claim(scene); more.deliveries.length > 0; more = await claim(scene))
        all.push(...numbers(more))
      expect(all).toHaveLength(20)
    })

    test('that are dead are redelivered one by one or by range, and start over', async (scene) => {
      const { store, clock } = scene
      await sent(scene, 3)
      const leased = await claim(scene)
      await store.webhooks.record(
        leased.deliveries.map((_, index) => ({ ...succeeded(leased, index), outcome: { kind: 'dead' } })),
      )
      expect(await store.webhooks.lanes('', 10)).toEqual([])
      const [first] = leased.deliveries
      expect(await store.webhooks.redeliver('two', first!.number)).toBeNull()
      expect(await store.webhooks.redeliver('one', first!.number)).toMatchObject({
        status: 'pending',
        attempts: 1,
        failures: 0,
        endedAt: null,
      })
      const range = { after: first!.at, before: clock.now() + 1 }
      expect(await store.webhooks.redeliverAll('one', { after: 0, before: first!.at }, 10)).toBe(0)
      expect(await store.webhooks.redeliverAll('one', range, 1)).toBe(1)
      expect(await store.webhooks.redeliverAll('one', range, 10)).toBe(1)
      expect(await store.webhooks.redeliverAll('one', range, 10)).toBe(0)
      expect((await claim(scene)).deliveries).toHaveLength(3)
    })

    test('are listed by page and status, counted, and deleted after their retention', async (scene) => {
      const { store, clock } = scene
      await sent(scene, 3)
      const leased = await claim(scene, 2)
      await store.webhooks.record([succeeded(leased), { ...succeeded(leased, 1), outcome: { kind: 'dead' } }])
      const of = (status: Delivery['status']) => all(store, 'one', { status })
      expect(
        [await of('delivered'), await of('dead'), await of('pending')].map(({ length }) => length),
      ).toEqual([1, 1, 1])
      const page = await store.webhooks.deliveries({
        webhookId: 'one',
        before: Number.MAX_SAFE_INTEGER,
        limit: 2,
      })
      expect(page.deliveries).toHaveLength(2)
      expect(page.next).toBe(page.deliveries[1]!.number)
      const last = await store.webhooks.deliveries({ webhookId: 'one', before: page.next!, limit: 2 })
      expect(last).toMatchObject({ deliveries: [{ status: 'delivered' }], next: null })
      expect([await store.webhooks.pending(10), await store.webhooks.pending(0)]).toEqual([1, 0])
      expect(await store.webhooks.prune(1_000, 10)).toBe(0)
      await clock.advance(1_001)
      expect(await store.webhooks.prune(1_000, 1)).toBe(1)
      expect(await store.webhooks.prune(1_000, 10)).toBe(1)
      expect(await store.webhooks.drop('one', 10)).toBe(1)
      expect(await all(store)).toEqual([])
    })

    test('of a webhook that is deleted during a delivery are recorded or not, and never leased again', async (scene) => {
      const { store } = scene
      await sent(scene, 2)
      const leased = await claim(scene, 1)
      await Promise.all([store.webhooks.remove('one'), store.webhooks.record([succeeded(leased)])])
      await scene.submit()
      expect(await store.webhooks.drop('one', 10)).toBeGreaterThan(0)
      expect(await store.webhooks.lanes('', 10)).toEqual([])
    })

    test('keep the newest attempts', async (scene) => {
      const { store, clock } = scene
      await sent(scene, 1)
      for (let attempt = 0; attempt < 25; attempt++) {
        await store.webhooks.record([failed(await claim(scene), 1)])
        await clock.advance(1)
      }
      const [delivery] = await all(store)
      expect(delivery).toMatchObject({ attempts: 25, failures: 25 })
      expect(delivery!.tries).toHaveLength(20)
    })
  })
}

function draft(own: Partial<NewWebhook> = {}): NewWebhook {
  return {
    id: 'one',
    url: 'https://example.com/',
    events: ['task.*'],
    types: null,
    tags: null,
    description: null,
    secrets: [{ secret: 'whsec_secret', until: null }],
    paused: null,
    disabledAt: null,
    createdBy: 'api',
    ...own,
  }
}

const testDelivery: NewDelivery = {
  webhookId: 'one',
  lane: 'one',
  url: null,
  event: 'webhook.test',
  taskId: null,
  version: 0,
  at: 0,
  facts: null,
  trace: null,
}

/** Tests, which wait for nothing. */
async function sent({ store }: Scene, count: number): Promise<void> {
  await store.webhooks.add(draft())
  for (let sending = 0; sending < count; sending++) await store.webhooks.send(testDelivery)
}

function claim({ store }: Scene, room = 10, lane = 'one'): Promise<Leased> {
  return store.webhooks.claim([{ lane, room }], lease)
}

async function all(
  store: Scene['store'],
  webhookId = 'one',
  own: Readonly<{ status?: Delivery['status'] }> = {},
): Promise<readonly Delivery[]> {
  const query = { webhookId, before: Number.MAX_SAFE_INTEGER, limit: 1_000, ...own }
  return (await store.webhooks.deliveries(query)).deliveries
}

function numbers({ deliveries }: Leased): number[] {
  return deliveries.map(({ number }) => number)
}

function heard({ deliveries }: Leased): string[] {
  return deliveries.map(({ event, taskId }) => `${event} ${taskId}`)
}

function leaseOf({ deliveries }: Leased, index: number): Lease {
  const { number, fence } = deliveries[index]!
  return { number, fence }
}

function succeeded(leased: Leased, index = 0): Attempted {
  const attempt = { status: 200, error: null, ms: 5 }
  return { ...leaseOf(leased, index), outcome: { kind: 'delivered' }, attempt }
}

function failed(leased: Leased, after: number): Attempted {
  const attempt = { status: 500, error: 'no', ms: 7 }
  return { ...leaseOf(leased, 0), outcome: { kind: 'failed', after }, attempt }
}
