import { describe, expect } from 'vitest'
import { entryOf } from '../../src/core/audit.ts'
import { library } from '../../src/core/caller.ts'
import {
  bodyOf,
  callbacksId,
  messageId,
  secretRotated,
  webhookBounds,
  type Delivery,
  type NewWebhook,
} from '../../src/core/webhook.ts'
import type { ClaimedDelivery, DeliveryRequest, DeliveryResult } from '../../src/store/webhook-store.ts'
import { boom, fromApi } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const lease = 60_000
const request = { perLane: 100, busy: new Map(), limit: 100, lease, after: '' }

export function webhooks(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('webhooks', () => {
    test('are stored, changed and deleted', async ({ store, clock }) => {
      const { webhooks } = store
      const made = await webhooks.add(hook('one', { types: ['a'], tags: ['\0 \uFFFF'] }))
      expect(made).toEqual({ ...hook('one', { types: ['a'], tags: ['\0 \uFFFF'] }), createdAt: clock.now() })
      await webhooks.add(hook('two'))
      expect((await webhooks.list()).map(({ webhook: { id } }) => id)).toEqual(['one', 'two'])
      const changed = await webhooks.change('one', (webhook, now) =>
        secretRotated(webhook, 'new', 1_000, now),
      )
      expect(changed!.secrets).toEqual([
        { secret: 'new', until: null },
        { secret: 'whsec_one', until: clock.now() + 1_000 },
      ])
      expect((await webhooks.list())[0]!.webhook).toEqual(changed)
      expect(await webhooks.change('none', (webhook) => webhook)).toBeNull()
      expect(await webhooks.remove('one')).toBe(true)
      expect(await webhooks.remove('one')).toBe(false)
      expect((await webhooks.list()).map(({ webhook: { id } }) => id)).toEqual(['two'])
    })

    test('are bounded in number', async ({ store: { webhooks } }) => {
      for (let index = 0; index < webhookBounds.webhooks; index++) await webhooks.add(hook(`h${index}`))
      expect(await webhooks.add(hook('more'))).toBeNull()
    })

    test('record their changes in the audit log, in the same commit', async ({ store }) => {
      const entry = (action: 'webhook.create' | 'webhook.update' | 'webhook.delete' | 'webhook.test') =>
        entryOf({ caller: library }, action, { target: { id: 'one', name: null } })
      await store.webhooks.add(hook('one'), entry('webhook.create'))
      await store.webhooks.change('one', (webhook) => webhook, entry('webhook.update'))
      await store.webhooks.change('none', (webhook) => webhook, entry('webhook.update'))
      await store.webhooks.test('one', '{}', entry('webhook.test'))
      await store.webhooks.test('none', '{}', entry('webhook.test'))
      await store.webhooks.remove('one', entry('webhook.delete'))
      await store.webhooks.remove('one', entry('webhook.delete'))
      const { entries } = await store.audit.read({ filter: {}, after: null, scan: 10 })
      expect(entries.map(({ action }) => action).toReversed()).toEqual([
        'webhook.create',
        'webhook.update',
        'webhook.test',
        'webhook.delete',
      ])
    })
  })

  describe('the outbox', () => {
    test('has each status that a task takes, in order, from one commit with it', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const { id } = await scene.submit({ tags: ['x'] })
      const [claimed] = await scene.claim(1)
      await scene.store.settle(scene.node, [
        {
          id,
          fence: claimed!.task.fence,
          activeMs: 5,
          outcome: { kind: 'failed', error: boom, retryIn: null },
        },
      ])
      const found = await told(scene, 'one')
      expect(found.map(({ event, version }) => [event, version])).toEqual([
        ['task.queued', 1],
        ['task.running', 2],
        ['task.failed', 3],
      ])
      expect(found.map(messageId)).toEqual([1, 2, 3].map((version) => `msg_${id}_${version}`))
      expect(JSON.parse(bodyOf(found[2]!))).toEqual({
        type: 'task.failed',
        timestamp: new Date(scene.clock.now()).toISOString(),
        data: {
          task_id: id,
          task_type: 'work',
          status: 'failed',
          version: 3,
          tags: ['x'],
          error: { code: 'BOOM', message: 'boom' },
        },
      })
      expect(found.every(({ status, attempts }) => status === 'pending' && attempts === 0)).toBe(true)
    })

    test('has what matches: events, types and tags', async (scene) => {
      const { webhooks } = scene.store
      await webhooks.add(hook('events', { events: ['task.cancelled', 'task.paused'] }))
      await webhooks.add(hook('types', { events: ['task.*'], types: ['other'] }))
      await webhooks.add(hook('tags', { events: ['task.*'], tags: ['x', 'y'] }))
      const a = await scene.submit({ tags: ['y'] })
      const b = await scene.submit({ type: 'other' })
      await scene.store.control([
        { id: a.id, control: 'pause', by: 'me' },
        { id: b.id, control: 'cancel', by: 'me' },
      ])
      const seen = async (id: string) =>
        (await told(scene, id)).map(({ event, taskId }) => `${event} ${taskId}`).sort()
      expect(await seen('events')).toEqual([`task.cancelled ${b.id}`, `task.paused ${a.id}`])
      expect(await seen('types')).toEqual([`task.cancelled ${b.id}`, `task.queued ${b.id}`])
      expect(await seen('tags')).toEqual([`task.paused ${a.id}`, `task.queued ${a.id}`])
    })

    test('has nothing of what was refused, replayed or stands', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const { id } = await scene.submit({ idempotencyKey: 'k', requestHash: 'h' })
      await scene.submit({ idempotencyKey: 'k', requestHash: 'h' })
      await scene.store.control([{ id, control: 'retry', by: 'me' }])
      await scene.store.control([{ id, control: 'cancel', by: 'me' }])
      await scene.store.control([{ id, control: 'cancel', by: 'me' }])
      expect((await told(scene, 'one')).map(({ event }) => event)).toEqual(['task.queued', 'task.cancelled'])
    })

    test('has what happens to a task several times within one commit', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const { id } = await scene.submit()
      const control = (one: 'pause' | 'resume' | 'cancel' | 'retry') =>
        scene.store.control([{ id, control: one, by: 'me' }])
      await Promise.all([control('pause'), control('resume'), control('cancel'), control('retry')])
      expect((await told(scene, 'one')).map(({ event }) => event)).toEqual([
        'task.queued',
        'task.paused',
        'task.queued',
        'task.cancelled',
        'task.queued',
      ])
    })

    test('has events of due, released and lost tasks, and of those that a submit replaces', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const unique = { key: 'k', while: 'unfinished', for: null, onConflict: 'replace', max: null } as const
      const first = await scene.submit({ unique, delay: 1_000 })
      const second = await scene.submit({ unique, delay: 1_000 })
      await scene.clock.advance(1_000)
      await scene.store.promote(10)
      const all = (await told(scene, 'one')).map(({ event, taskId }) => `${event} ${taskId}`)
      expect(all).toEqual(
        expect.arrayContaining([
          `task.scheduled ${first.id}`,
          `task.cancelled ${first.id}`,
          `task.scheduled ${second.id}`,
          `task.queued ${second.id}`,
        ]),
      )
      expect(all).toHaveLength(4)
    })

    test('has the end of a task with a callback, and nothing else of it', async (scene) => {
      const callback = { url: 'https://a.example/x?\0\uFFFF', origin: 'https://a.example' }
      const { id } = await scene.submit({ callback })
      expect((await scene.store.get(id))!.callback).toEqual(callback)
      const [claimed] = await scene.claim(1)
      await scene.store.settle(scene.node, [
        { id, fence: claimed!.task.fence, activeMs: 5, outcome: { kind: 'completed', result: '1' } },
      ])
      const found = await told(scene, callbacksId)
      expect(found).toMatchObject([{ event: 'task.completed', taskId: id, url: callback.url }])
      expect(await scene.store.webhooks.list()).toEqual([])
      const { deliveries } = await claim(scene)
      expect(deliveries).toMatchObject([{ url: callback.url, webhook: { id: callbacksId, secrets: [] } }])
    })

    test('tells a webhook of nothing before it is created, and of nothing after it is deleted', async (scene) => {
      await scene.submit()
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const { id } = await scene.submit()
      await distributeAll(scene.store)
      await scene.store.webhooks.remove('one')
      await scene.submit()
      expect((await told(scene, 'one')).map(({ taskId }) => taskId)).toEqual([id])
      expect((await claim(scene)).deliveries).toEqual([])
      expect(await scene.store.webhooks.prune(1e12, 10)).toBe(1)
      expect(await told(scene, 'one')).toEqual([])
    })

    test('becomes deliveries in portions, in the order of its commits', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const ids: string[] = []
      for (let index = 0; index < 5; index++) {
        const { id } = await scene.submit()
        await scene.store.control([{ id, control: 'pause', by: 'me' }])
        ids.push(id)
      }
      expect(await scene.store.webhooks.depth()).toBe(10)
      const portions: number[] = []
      for (;;) {
        const { deliveries } = await scene.store.webhooks.distribute(3)
        if (deliveries === 0) break
        portions.push(deliveries)
      }
      expect(Math.max(0, ...portions)).toBeLessThanOrEqual(3)
      expect((await told(scene, 'one')).map(({ taskId, version }) => [taskId, version])).toEqual(
        ids.flatMap((id) => [
          [id, 1],
          [id, 2],
        ]),
      )
      expect(await scene.store.webhooks.depth()).toBe(10)
      const { hasEvents } = await scene.store.webhooks.claim({ ...request, limit: 1 })
      expect(hasEvents).toBe(false)
    })

    test('is distributed once, however many do it at the same time', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      await scene.submitAll(...Array.from({ length: 300 }, () => ({})))
      for (let left = true; left;) {
        const all = await Promise.all([1, 2, 3].map(() => scene.store.webhooks.distribute(50)))
        left = all.some(({ deliveries }) => deliveries > 0)
      }
      const found = (await told(scene, 'one')).map(({ taskId }) => taskId)
      expect(found).toHaveLength(300)
      expect(new Set(found).size).toBe(300)
    })

    test('forgets events of webhooks that are deleted before they are distributed', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      await scene.store.webhooks.add(hook('two', { events: ['task.*'] }))
      const { id } = await scene.submit()
      await scene.store.webhooks.remove('one')
      expect((await told(scene, 'two')).map(({ taskId }) => taskId)).toEqual([id])
      await scene.store.webhooks.prune(1e12, 10)
      expect(await told(scene, 'one')).toEqual([])
    })

    test('is deleted by age, whether distributed or not', async (scene) => {
      const { webhooks } = scene.store
      await webhooks.add(hook('one', { events: ['task.*'] }))
      await scene.submit()
      expect(await webhooks.prune(5_000, 10)).toBe(0)
      await scene.clock.advance(6_000)
      const { id } = await scene.submit()
      expect(await webhooks.prune(5_000, 10)).toBe(1)
      expect((await told(scene, 'one')).map(({ taskId }) => taskId)).toEqual([id])
    })

    test('has the tags, the error and the callback of a task as they were', async (scene) => {
      const callback = { url: 'https://a.example/x?\0\uFFFF', origin: 'https://a.example' }
      const { webhooks } = scene.store
      await webhooks.add(hook('one', { events: ['task.failed'] }))
      const { id } = await scene.submit({ callback, tags: ['\0 \uFFFF', 'b'] })
      const [claimed] = await scene.claim(1)
      const failed = { kind: 'failed', error: boom, retryIn: null } as const
      await scene.store.settle(scene.node, [{ id, fence: claimed!.task.fence, activeMs: 5, outcome: failed }])
      await scene.store.control([{ id, control: 'retry', by: 'me' }])
      await scene.store.control([{ id, control: 'cancel', by: 'me' }])
      const [one] = await told(scene, 'one')
      const [first, second] = await told(scene, callbacksId)
      for (const delivery of [one, first])
        expect(JSON.parse(delivery!.data)).toMatchObject({
          status: 'failed',
          version: 3,
          tags: ['\0 \uFFFF', 'b'],
          error: { code: 'BOOM', message: 'boom' },
        })
      expect([first, second].map((delivery) => [delivery!.event, delivery!.url])).toEqual([
        ['task.failed', callback.url],
        ['task.cancelled', callback.url],
      ])
    })

    test('counts what this process adds', async ({ store, ...scene }) => {
      void scene
      const before = store.webhooks.added
      await store.webhooks.add(hook('one'))
      await store.webhooks.test('one', '{}')
      expect(store.webhooks.added).toBe(before + 1)
      expect(await store.webhooks.depth()).toBe(1)
    })
  })

  describe('deliveries', () => {
    test('are reserved once, and can be taken again when the reservation ends', async (scene) => {
      await scene.store.webhooks.add(hook('one'))
      await scene.store.webhooks.test('one', '{"a":1}')
      const first = await claim(scene)
      expect(first.deliveries).toMatchObject([{ event: 'webhook.test', taskId: null, data: '{"a":1}' }])
      expect(first.deliveries[0]!.webhook.secrets).toEqual([{ secret: 'whsec_one', until: null }])
      const second = await claim(scene)
      expect(second.deliveries).toEqual([])
      expect(second.dueIn).toBe(lease)
      await scene.clock.advance(lease)
      const third = await claim(scene)
      expect(third.deliveries.map(messageId)).toEqual(first.deliveries.map(messageId))
      expect(await settle(scene, first.deliveries[0]!, 'delivered')).toBe(false)
      expect(await settle(scene, third.deliveries[0]!, 'delivered')).toBe(true)
      expect(await settle(scene, third.deliveries[0]!, 'delivered')).toBe(false)
      expect((await claim(scene)).dueIn).toBeNull()
      expect(await told(scene, 'one')).toMatchObject([
        { status: 'delivered', attempts: 1, nextAt: null, history: [{ status: 200, error: null, took: 7 }] },
      ])
    })

    test('are taken by one of two claims at the same time', async (scene) => {
      await scene.store.webhooks.add(hook('one'))
      for (let index = 0; index < 20; index++) await scene.store.webhooks.test('one', '{}')
      const claims = await Promise.all([1, 2, 3, 4].map(() => claim(scene, { perLane: 10 })))
      const numbers = claims.flatMap(({ deliveries }) => deliveries.map(({ number }) => number))
      expect(new Set(numbers).size).toBe(numbers.length)
    })

    test('are tried again after their time, and dead after the last try', async (scene) => {
      await scene.store.webhooks.add(hook('one'))
      await scene.store.webhooks.test('one', '{}')
      const [first] = (await claim(scene)).deliveries
      await settle(scene, first!, { retryIn: 5_000 }, 500)
      expect((await claim(scene)).dueIn).toBe(5_000)
      await scene.clock.advance(5_000)
      const [second] = (await claim(scene)).deliveries
      expect(second).toMatchObject({ attempts: 1 })
      await settle(scene, second!, 'dead', null)
      expect(await scene.store.webhooks.list()).toMatchObject([{ pending: 0, dead: 1 }])
      expect(await told(scene, 'one')).toMatchObject([
        { status: 'dead', attempts: 2, history: [{ status: 500 }, { status: null, error: 'boom' }] },
      ])
    })

    test('of one task are made one after the other, however late', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const { id } = await scene.submit()
      const other = await scene.submit()
      await scene.store.control([{ id, control: 'pause', by: 'me' }])
      const versions = ({ deliveries }: { deliveries: readonly Delivery[] }) =>
        deliveries.map(({ taskId, version }) => `${taskId} ${version}`)
      const first = await claim(scene)
      expect(versions(first)).toEqual([`${id} 1`, `${other.id} 1`])
      expect(versions(await claim(scene))).toEqual([])
      await settle(scene, first.deliveries[0]!, { retryIn: 10_000 }, 500)
      expect(versions(await claim(scene))).toEqual([])
      await scene.clock.advance(10_000)
      const again = await claim(scene)
      expect(versions(again)).toEqual([`${id} 1`])
      await settle(scene, again.deliveries[0]!, 'delivered')
      expect(versions(await claim(scene))).toEqual([`${id} 2`])
    })

    test('of tasks whose first one was reserved by a node that died do not hide it', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const ids: string[] = []
      for (let index = 0; index < 8; index++) ids.push((await scene.submit()).id)
      expect((await claim(scene)).deliveries).toHaveLength(8)
      await scene.clock.advance(1)
      await scene.store.control(ids.map((id) => ({ id, control: 'pause', by: 'me' }) as const))
      await scene.store.webhooks.distribute(100)
      await scene.clock.advance(lease)
      // Those that are due for longer come first, and must wait for the others.
      const taken: number[] = []
      for (let look = 0; look < 8 && taken.length === 0; look++)
        for (const { version } of (await claim(scene, { perLane: 1 })).deliveries) taken.push(version)
      expect(taken).toEqual([1])
    })

    test('of one task continue after one that is dead', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const { id } = await scene.submit()
      await scene.store.control([{ id, control: 'pause', by: 'me' }])
      const [first] = (await claim(scene)).deliveries
      expect((await claim(scene)).deliveries).toEqual([])
      await settle(scene, first!, 'dead')
      expect((await claim(scene)).deliveries).toMatchObject([{ version: 2 }])
    })

    test('of one receiver leave room for others', async (scene) => {
      await scene.store.webhooks.add(hook('a'))
      await scene.store.webhooks.add(hook('b'))
      for (let index = 0; index < 10; index++) await scene.store.webhooks.test('a', '{}')
      await scene.store.webhooks.test('b', '{}')
      const first = await claim(scene, { perLane: 4 })
      expect(first.deliveries.map(({ lane }) => lane)).toEqual(['a', 'a', 'a', 'a', 'b'])
      const busy = new Map([['a', 4]])
      expect((await claim(scene, { perLane: 4, busy })).deliveries).toEqual([])
      expect((await claim(scene, { perLane: 4, busy: new Map([['a', 3]]) })).deliveries).toHaveLength(1)
    })

    test('of receivers take turns if there is little room', async (scene) => {
      for (const id of ['a', 'b', 'c']) {
        await scene.store.webhooks.add(hook(id))
        await scene.store.webhooks.test(id, '{}')
        await scene.store.webhooks.test(id, '{}')
      }
      const lanes: string[] = []
      for (let after = '', turn = 0; turn < 6; turn++) {
        const { deliveries, last } = await claim(scene, { limit: 1, after })
        lanes.push(...deliveries.map(({ lane }) => lane))
        after = last
      }
      expect(lanes).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
    })

    test('wait while their webhook is paused, and are not recorded for one that is gone', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const paused = { since: 1, by: 'me', why: null, isGone: false }
      await scene.store.webhooks.change('one', (webhook) => ({ ...webhook, paused }))
      await scene.submit()
      expect(await claim(scene)).toMatchObject({ deliveries: [], dueIn: null })
      await scene.store.webhooks.change('one', (webhook) => ({ ...webhook, paused: null }))
      const [first] = (await claim(scene)).deliveries
      await settle(scene, first!, 'gone', 410)
      const [use] = await scene.store.webhooks.list()
      expect(use!.webhook.paused).toMatchObject({ by: 'delivery', isGone: true })
      await scene.submit()
      expect(await told(scene, 'one')).toMatchObject([{ status: 'dead', history: [{ status: 410 }] }])
    })

    test('that were not tried can be tried at once', async (scene) => {
      await scene.store.webhooks.add(hook('one'))
      await scene.store.webhooks.test('one', '{}')
      const [first] = (await claim(scene)).deliveries
      const { number, claim: token } = first!
      await scene.store.webhooks.settle([{ number, claim: token, attempt: null, outcome: 'dead' }])
      expect((await claim(scene)).deliveries).toMatchObject([{ attempts: 0 }])
    })

    test('can be repeated: one, or the dead ones of a time', async (scene) => {
      const { webhooks } = scene.store
      await webhooks.add(hook('one'))
      const starts: number[] = []
      for (let index = 0; index < 4; index++) {
        starts.push(scene.clock.now())
        await webhooks.test('one', '{}')
        await scene.clock.advance(1_000)
      }
      for (const one of (await claim(scene)).deliveries) await settle(scene, one, 'dead')
      const [newest] = await webhooks.deliveries({ webhookId: 'one', before: null, limit: 1 })
      expect(await webhooks.redeliver('two', { number: newest!.number })).toBe(0)
      expect(await webhooks.redeliver('one', { number: newest!.number })).toBe(1)
      expect(await webhooks.redeliver('one', { number: newest!.number })).toBe(0)
      const range = { after: starts[1]!, before: starts[3]! }
      expect(await webhooks.redeliver('one', { ...range, limit: 1 })).toBe(1)
      expect(await webhooks.redeliver('one', { ...range, limit: 5 })).toBe(1)
      const statuses = (await webhooks.deliveries({ webhookId: 'one', before: null, limit: 9 })).map(
        ({ status, attempts }) => `${status} ${attempts}`,
      )
      expect(statuses).toEqual(['pending 0', 'pending 0', 'pending 0', 'dead 1'])
      expect((await claim(scene)).deliveries).toHaveLength(3)
    })

    test('are listed by page and status, and deleted by age', async (scene) => {
      const { webhooks } = scene.store
      await webhooks.add(hook('one'))
      for (let index = 0; index < 5; index++) await webhooks.test('one', `{"n":${index}}`)
      const page = await webhooks.deliveries({ webhookId: 'one', before: null, limit: 2 })
      expect(page.map(({ data }) => data)).toEqual(['{"n":4}', '{"n":3}'])
      const before = page.at(-1)!.number
      const rest = await webhooks.deliveries({ webhookId: 'one', before, limit: 9, status: 'pending' })
      expect(rest.map(({ data }) => data)).toEqual(['{"n":2}', '{"n":1}', '{"n":0}'])
      expect(await webhooks.deliveries({ webhookId: 'one', before, limit: 9, status: 'dead' })).toEqual([])
      expect(await webhooks.prune(5_000, 9)).toBe(0)
      await scene.clock.advance(6_000)
      await webhooks.test('one', '{"n":5}')
      expect(await webhooks.prune(5_000, 3)).toBe(3)
      expect(await webhooks.prune(5_000, 9)).toBe(2)
      expect((await told(scene, 'one')).map(({ data }) => data)).toEqual(['{"n":5}'])
    })

    if (!kind.shared) {
      test('that were reserved before a restart are free after it', async (scene) => {
        await scene.store.webhooks.add(hook('one'))
        await scene.store.webhooks.test('one', '{}')
        const [first] = (await claim(scene)).deliveries
        await scene.startNode()
        const [second] = (await claim(scene)).deliveries
        expect(second!.number).toBe(first!.number)
        expect(await settle(scene, first!, 'delivered')).toBe(false)
        expect(await settle(scene, second!, 'delivered')).toBe(true)
      })
    }

    if (kind.shared && kind.durable) {
      test('of one task are in order when two nodes distribute its events', async (scene) => {
        await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
        await using other = await scene.another()
        const stores = [scene.store, other]
        const tasks = await scene.submitAll(...Array.from({ length: 20 }, () => ({})))
        const changing = async () => {
          for (let index = 0; index < 10; index++) {
            const control = index % 2 === 0 ? 'pause' : 'resume'
            await Promise.all(
              tasks.map(({ id }, at) => stores[(index + at) % 2]!.control([{ id, control, by: 'me' }])),
            )
          }
        }
        let over = false
        const distributing = stores.map(async ({ webhooks }) => {
          do await webhooks.distribute(7)
          while (!over)
        })
        await changing()
        over = true
        await Promise.all(distributing)
        const versions = Map.groupBy(await told(scene, 'one'), ({ taskId }) => taskId)
        for (const { id } of tasks)
          expect(versions.get(id)!.map(({ version }) => version)).toEqual(
            Array.from({ length: 11 }, (_, index) => index + 1),
          )
      })
    }

    if (kind.durable) {
      test('survive a restart with their webhooks', async (scene) => {
        await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
        const { id } = await scene.submit()
        await scene.reopen()
        await scene.startNode()
        await scene.store.control([{ id, control: 'pause', by: 'me' }])
        expect((await told(scene, 'one')).map(({ event }) => event)).toEqual(['task.queued', 'task.paused'])
      })
    }

    test('are not lost when others of their group are refused', async (scene) => {
      await scene.store.webhooks.add(hook('one', { events: ['task.*'] }))
      const bad = scene.draft({ id: 'a' })
      const answers = await Promise.allSettled([
        scene.store.submit([scene.draft({ id: 'a' })], fromApi),
        scene.store.submit([bad], fromApi),
        scene.store.submit([scene.draft({ id: 'b' })], fromApi),
      ])
      expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((await told(scene, 'one')).map(({ taskId }) => taskId ?? '').toSorted()).toEqual(['a', 'b'])
    })
  })
}

function hook(id: string, own: Partial<NewWebhook> = {}): NewWebhook {
  return {
    id,
    url: `https://${id}.example/hook`,
    events: ['task.completed'],
    types: null,
    tags: null,
    paused: null,
    secrets: [{ secret: `whsec_${id}`, until: null }],
    ...own,
  }
}

/** All deliveries of a webhook, oldest first. */
async function told({ store }: Scene, webhookId: string): Promise<Delivery[]> {
  await distributeAll(store)
  return (await store.webhooks.deliveries({ webhookId, before: null, limit: 1_000 })).toReversed()
}

async function distributeAll({ webhooks }: Scene['store']): Promise<void> {
  for (;;) if ((await webhooks.distribute(100)).deliveries === 0) return
}

async function claim({ store }: Scene, own: Partial<DeliveryRequest> = {}) {
  await distributeAll(store)
  return store.webhooks.claim({ ...request, ...own })
}

async function settle(
  { store }: Scene,
  { number, claim: token }: ClaimedDelivery,
  outcome: DeliveryResult['outcome'],
  status: number | null = 200,
): Promise<boolean> {
  const error = outcome === 'delivered' ? null : 'boom'
  const attempt = { status, error, took: 7 }
  const [isSettled] = await store.webhooks.settle([{ number, claim: token, attempt, outcome }])
  return isSettled!
}
