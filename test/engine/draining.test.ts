import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/registry/define.ts'
import { door, parking, stores, waitsAt, works, World } from './world.ts'

const none = z.object({})

const counting = (done: number[]) =>
  defineTask({
    type: 'counting',
    parameters: none,
    state: z.object({ next: z.number() }),
    async run(_, task) {
      for (let n = task.state?.next ?? 0; n < 5; n++) {
        await task.checkpoint({ next: n })
        await task.sleep(1)
        done.push(n)
      }
    },
  })

describe.each(stores)('draining on $name', ({ open }) => {
  test('running tasks return to the queue at their pause points, use no attempt, and continue at the next start', async () => {
    const done: number[] = []
    const type = counting(done)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(2_500)
    await world.until(world.node.close())
    expect(await world.store.get(task.id)).toMatchObject({
      status: 'queued',
      ownerNode: null,
      failures: 0,
      crashes: 0,
    })
    await world.startNode()
    await world.pass(3_000)
    expect(done).toEqual([0, 1, 2, 3, 4])
    expect(await world.moves(task)).toBe('submitted claimed released claimed completed')
    expect((await world.store.get(task.id))?.attempt).toBe(1)
  })

  test('parked copies unwind, and the timeline records it', async () => {
    const type = counting([])
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(1_500)
    await world.control(task.id, 'pause')
    await world.until(world.node.close())
    expect((await world.timeline(task)).at(-1)).toMatchObject({
      event: 'unparked',
      status: 'paused',
      why: 'the node is shutting down',
    })
  })

  test('a short task may finish', async () => {
    const work = door()
    const type = defineTask({ type: 'short', parameters: none, run: () => work.opened.then(() => 'done') })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    const closing = world.node.close()
    await world.pass(10_000)
    work.open()
    await world.until(closing)
    expect(await world.status(task)).toBe('completed')
  })

  test('the signal aborts shortly before the end, and a handler that ignores even that is fenced off', async () => {
    const work = door()
    let aborted = false
    const type = defineTask({
      type: 'deaf',
      parameters: none,
      run: (_, task) => {
        task.signal.addEventListener('abort', () => {
          aborted = true
        })
        return work.opened
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    const closing = world.node.close()
    await world.pass(19_900)
    expect(aborted).toBe(false)
    await world.pass(200)
    expect(aborted).toBe(true)
    await world.until(closing, 6_000)
    expect(await world.store.get(task.id)).toMatchObject({ status: 'queued', fence: 2 })
    work.open()
    await world.pass()
    expect(await world.status(task)).toBe('queued')
  })

  test('a claim that waits for the end of its parked copy is released, and never starts after the close', async () => {
    const work = door()
    let starts = 0
    const type = defineTask({
      type: 'lingers',
      parameters: none,
      async run(_, task) {
        starts++
        try {
          await task.checkpoint({})
          await works(task, 1_000)
        } finally {
          await work.opened
        }
      },
    })
    const world = await World.open(open, [type], { maxParked: parking(1) })
    const [first, second] = [await world.node.submit(type, {}), await world.node.submit(type, {})]
    await world.pass(500)
    expect(await world.control(first.id, 'pause')).toBe('paused')
    expect(await world.control(second.id, 'pause')).toBe('paused')
    expect(await world.control(first.id, 'resume')).toBe('running')
    expect(starts).toBe(2)
    const closed = world.node.close()
    await world.pass()
    work.open()
    await world.until(closed, 25_000)
    expect(await world.store.get(first.id)).toMatchObject({ status: 'queued', ownerNode: null, crashes: 0 })
    const before = starts
    await world.pass(10_000)
    expect(starts).toBe(before)
  })

  test('callers that wait for a result learn that the node closes', async () => {
    const type = defineTask({ type: 'far', parameters: none, run: (_, task) => works(task, 1_000) })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    const aborter = new AbortController()
    const waiting = [task.result(), task.result({ signal: aborter.signal })].map((result) =>
      result.catch((error: unknown) => error),
    )
    await world.pass()
    await world.until(world.node.close(), 25_000)
    for (const told of await world.until(Promise.all(waiting))) {
      expect(told).toMatchObject({ code: 'SHUTTING_DOWN' })
    }
  })

  test('a draining node accepts nothing, and ends its streams', async () => {
    const type = counting([])
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    const task = await world.node.submit(type, {})
    const heard: string[] = []
    const listening = (async () => {
      for await (const event of task.events()) heard.push(event.kind)
    })()
    await world.until(world.node.close())
    await listening
    expect(heard).toEqual(['transition'])
    await expect(world.node.submit(type, {})).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    expect(world.node.state.phase).toBe('closed')
  })

  test('a pause requested before the drain survives it', async () => {
    const work = door()
    const type = waitsAt(work)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await world.control(task.id, 'pause')).toBe('pausing')
    const closing = world.node.close()
    await world.pass()
    work.open()
    await world.until(closing)
    expect(await world.store.get(task.id)).toMatchObject({ status: 'paused', ownerNode: null })
  })
})

describe.each(stores)('after kill -9 on $name', ({ open }) => {
  test('running tasks continue from a checkpoint that is at most a second old', async () => {
    const done: number[] = []
    const type = counting(done)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(3_300)
    const before = done.length
    await world.startNode()
    await world.pass()
    expect((await world.store.read(task.id))?.checkpoint).toBe(JSON.stringify({ next: before }))
    expect(await world.store.get(task.id)).toMatchObject({ status: 'running', crashes: 1, fence: 3 })
  })

  test('a requested pause is kept, and a requested cancel is carried out', async () => {
    const type = defineTask({ type: 'deaf', parameters: none, run: () => new Promise<void>(() => {}) })
    const world = await World.open(open, [type])
    const [pausing, cancelling] = [await world.node.submit(type, {}), await world.node.submit(type, {})]
    await world.pass()
    expect(await world.control(pausing.id, 'pause')).toBe('pausing')
    expect(await world.control(cancelling.id, 'cancel')).toBe('cancelling')
    await world.startNode()
    expect(await world.status(pausing)).toBe('paused')
    expect(await world.store.get(cancelling.id)).toMatchObject({ status: 'cancelled', endedBy: 'killed' })
  })

  test('a node declared dead can no longer change anything', async () => {
    const work = door()
    let runs = 0
    const type = defineTask({
      type: 'zombie',
      parameters: none,
      run: () => (++runs === 1 ? work.opened.then(() => 'zombie') : 'newest'),
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    await world.startNode()
    work.open()
    await world.pass()
    expect((await world.store.read(task.id))?.result).toBe('"newest"')
  })
})
