import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/index.ts'
import type { LeaseNews, Signal } from '../../src/store/sharing.ts'
import { openMemory } from '../../src/store/memory/store.ts'
import type { Store } from '../../src/store/store.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { World } from './world.ts'

const lease = 15_000

/** Lease renewal and signals under the control of the test, on a store that really has only one node. */
function fakeSharing() {
  const renewals: { node: string; news: LeaseNews; stopped: boolean; isValid: boolean }[] = []
  const sent: Signal[] = []
  const listeners = new Set<(signal: Signal) => void>()
  const share = (store: Store): Store =>
    withVerbs(store, {
      capabilities: { lease },
      shared: {
        renewLease: (node, news) => {
          const renewal = { node, news, stopped: false, isValid: true }
          renewals.push(renewal)
          return {
            get isValid() {
              return renewal.isValid
            },
            age: 4_000,
            [Symbol.asyncDispose]: async () => {
              renewal.stopped = true
            },
          }
        },
        leaseFile: null,
        signals: {
          send: (signal) => void sent.push(signal),
          hear: (listener) => {
            listeners.add(listener)
            return () => listeners.delete(listener)
          },
        },
        submitWithin: async () => expect.unreachable('nobody submits in a transaction here'),
      },
    })
  const receive = (signal: Signal) => listeners.forEach((listener) => listener(signal))
  return { renewals, sent, receive, share, renewal: () => renewals.at(-1)! }
}

/** Reasons for which `patient`, which runs until its signal aborts, was aborted. */
const reasons: string[] = []
const patient = defineTask({
  type: 'patient',
  parameters: z.object({}),
  run: (_, task) =>
    new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => {
        reasons.push(String((task.signal.reason as Error).message))
        reject(task.signal.reason as Error)
      })
    }),
})

async function worldOf() {
  const own = fakeSharing()
  const world = await World.open(async (clock) => own.share(await openMemory({ clock })), [patient])
  const handle = await world.until(world.node.submit(patient, {}))
  await world.pass()
  expect(await world.until(handle.task())).toMatchObject({ status: 'running', fence: 1 })
  reasons.length = 0
  return { ...own, world, handle }
}

test('a lease in danger stops handlers and starts none; once it is renewed, they run again', async () => {
  const { world, renewal, handle } = await worldOf()
  renewal().news.endangered()
  await world.pass()
  expect(reasons).toEqual([expect.stringContaining('about to end')])
  await world.pass(2_000)
  expect(await world.until(handle.task())).toMatchObject({ status: 'queued' })
  renewal().news.safe()
  await world.pass()
  expect(await world.until(handle.task())).toMatchObject({ status: 'running', fence: 2, crashes: 0 })
})

test('a claim that returns after the lease has ended starts nothing, and is released if the lease has survived', async () => {
  const { share, renewal } = fakeSharing()
  let freezes = true
  const starts: number[] = []
  const counted = defineTask({
    type: 'counted',
    parameters: z.object({}),
    run: (_, task) => void starts.push(task.attempt),
  })
  const freezing = (store: Store): Store =>
    withVerbs(store, {
      claim: async (request) => {
        const claimed = await store.claim(request)
        if (claimed.length > 0) renewal().isValid = !freezes
        return claimed
      },
    })
  const world = await World.open(async (clock) => share(freezing(await openMemory({ clock }))), [counted])
  const handle = await world.until(world.node.submit(counted, {}))
  await world.pass(2_000)
  expect(starts).toEqual([])
  expect(await world.until(handle.task())).toMatchObject({ status: 'running', fence: 1 })
  freezes = false
  renewal().isValid = true
  renewal().news.safe()
  await world.pass(2_000)
  expect(starts).toEqual([1])
  expect(await world.until(handle.task())).toMatchObject({ status: 'completed', fence: 2, crashes: 0 })
})

test('a handler that waits for its durable checkpoint stops even if the store does not respond', async () => {
  const { share, renewal } = fakeSharing()
  const saves = defineTask({
    type: 'saves',
    parameters: z.object({}),
    async run(_, task) {
      await task.checkpoint({ at: 1 }, { durable: true }).catch((error: unknown) => {
        reasons.push((error as Error).message)
        throw error
      })
    },
  })
  const world = await World.open(
    async (clock) => withVerbs(share(await openMemory({ clock })), { save: () => new Promise(() => {}) }),
    [saves],
  )
  await world.until(world.node.submit(saves, {}))
  await world.pass()
  reasons.length = 0
  renewal().news.over()
  await world.pass()
  expect(reasons).toEqual([expect.stringContaining('ended')])
})

test('when its lease ends, the node starts over and runs its tasks again', async () => {
  const { world, renewals, renewal, handle } = await worldOf()
  const first = renewal().node
  renewal().news.over()
  await world.pass()
  expect(reasons).toEqual([expect.stringContaining('ended')])
  expect(renewals.map(({ stopped }) => stopped)).toEqual([true, false])
  expect(world.node.state.id).not.toBe(first)
  await world.pass(lease)
  const { task, timeline } = await world.until(handle.details())
  expect(task).toMatchObject({ status: 'running', ownerNode: renewal().node, crashes: 1 })
  expect(timeline.map(({ event }) => event)).toEqual(['submitted', 'claimed', 'lost', 'claimed'])
})

test('a claim that waits for an earlier copy starts nothing if its lease ends in the meantime', async () => {
  const { share, renewal } = fakeSharing()
  const fences: number[] = []
  const deaf = defineTask({
    type: 'deaf',
    parameters: z.object({}),
    run: (_, task) => {
      fences.push(task.fence)
      return new Promise(() => {})
    },
  })
  const world = await World.open(async (clock) => share(await openMemory({ clock })), [deaf])
  const handle = await world.until(world.node.submit(deaf, {}))
  await world.pass()
  const fence = async () => (await world.until(handle.task())).fence
  renewal().news.over()
  for (let seconds = 0; seconds < 60 && (await fence()) < 3; seconds++) await world.pass(1_000)
  // Claimed again, while its first copy has not stopped.
  expect([await fence(), fences]).toEqual([3, [1]])
  renewal().news.over()
  await world.pass(60_000)
  expect(fences).not.toContain(3)
  expect(fences).toContain(5)
})

test('a closing node gives up its lease last', async () => {
  const { world, renewal } = await worldOf()
  const closing = world.node.close()
  await world.pass(30_000)
  await closing
  expect(renewal().stopped).toBe(true)
  expect(await world.store.nodes()).toEqual([])
})

test('other nodes are notified about tasks they watch, and about tasks that this node cannot start', async () => {
  const { world, sent, receive, handle } = await worldOf()
  expect(sent).toEqual([])
  receive({ kind: 'watched', ids: [handle.id] })
  await world.until(handle.cancel({ wait: 0 }))
  await world.pass()
  expect(sent).toEqual([
    { kind: 'moved', ids: [handle.id] },
    { kind: 'moved', ids: [handle.id] },
  ])
  sent.length = 0
  await world.until(world.node.submitAll(patient, [{}, {}, {}]))
  await world.pass()
  expect(sent).toEqual([])
  await world.until(world.node.submit(patient, {}))
  await world.pass()
  expect(sent).toContainEqual({ kind: 'queued' })
})

test('a control recorded by another node is obeyed when its signal arrives, or at the next poll', async () => {
  const { world, receive, handle } = await worldOf()
  const other = await world.until(world.node.submit(patient, {}))
  await world.pass()
  const cancel = (id: string) => world.until(world.store.control([{ id, control: 'cancel', by: 'api' }]))
  await cancel(handle.id)
  expect(await world.until(handle.task())).toMatchObject({ status: 'cancelling' })
  receive({ kind: 'moved', ids: [handle.id] })
  await world.pass()
  expect(await world.until(handle.task())).toMatchObject({ status: 'cancelled' })
  await cancel(other.id)
  await world.pass(1_000)
  expect(await world.until(other.task())).toMatchObject({ status: 'cancelled' })
})
