import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { SubmitOptions } from '../../src/engine/api.ts'
import { defineTask } from '../../src/registry/define.ts'
import { stores, World } from './world.ts'

/** Takes a second, and fails if asked to. */
function noting(order: string[]) {
  return defineTask({
    type: 'noting',
    parameters: z.object({ name: z.string(), fails: z.boolean().default(false) }),
    async run({ name, fails }, task) {
      await task.sleep(1)
      order.push(name)
      if (fails) throw new Error('it was asked to')
    },
  })
}

async function opened(open: (typeof stores)[number]['open']) {
  const order: string[] = []
  const type = noting(order)
  const world = await World.open(open, [type])
  const submit = (name: string, options: SubmitOptions = {}, fails = false) =>
    world.until(world.node.submit(type, { name, fails }, options))
  return { order, type, world, submit }
}

describe.each(stores)('tasks that wait for others on $name', ({ open }) => {
  test('a diamond runs in order, each task once', async () => {
    const { order, world, submit } = await opened(open)
    const top = await submit('top')
    const sides = [await submit('left', { after: [top.id] }), await submit('right', { after: [top.id] })]
    const bottom = await submit('bottom', { after: sides.map(({ id }) => id) })
    expect(await world.status(bottom)).toBe('waiting')
    await world.pass(5_000)
    expect(order).toEqual(['top', 'left', 'right', 'bottom'])
    expect(await world.moves(bottom)).toBe('submitted ready claimed completed')
  })

  test('a task holds no slot while it waits', async () => {
    const { order, world, submit } = await opened(open)
    const first = await submit('first')
    for (let each = 0; each < 10; each++) await submit(`later ${each}`, { after: [first.id] })
    await submit('other')
    expect(world.node.state.slotsInUse).toBe(2)
    await world.pass(1_000)
    expect(order).toEqual(['first', 'other'])
  })

  test('is cancelled with the reason, and so is what waits for it', async () => {
    const { order, world, submit } = await opened(open)
    const first = await submit('first', {}, true)
    const second = await submit('second', { after: [first.id] })
    const third = await submit('third', { after: [second.id] })
    const fourth = await submit('fourth', { after: [first.id], onFailure: 'run' })
    await world.pass(3_000)
    expect(order).toEqual(['first', 'fourth'])
    expect((await world.timeline(second)).at(-1)).toMatchObject({
      event: 'cancelled',
      by: 'releaser',
      why: `task ${first.id}, for which it waited, has failed`,
    })
    expect((await world.timeline(third)).at(-1)?.why).toContain('was cancelled')
    expect(await world.status(fourth)).toBe('completed')
  })

  test('an end that a crash left uncounted is counted by the next node', async () => {
    const { order, world, submit } = await opened(open)
    const first = await submit('first')
    const second = await submit('second', { after: [first.id] })
    const { fence, ownerNode } = (await world.store.get(first.id))!
    // Its node dies between the commit of the end and the count.
    const outcome = { kind: 'completed', result: '1' } as const
    await world.store.settle(ownerNode!, [{ id: first.id, fence, outcome, activeMs: 1 }])
    expect(await world.status(second)).toBe('waiting')
    await world.startNode()
    await world.pass(2_000)
    expect(await world.status(second)).toBe('completed')
    expect(order).toContain('second')
  })

  test('can be delayed as well: it starts when both are over', async () => {
    const { order, world, submit } = await opened(open)
    const first = await submit('first')
    const second = await submit('second', { after: [first.id], delay: 30 })
    await world.pass(2_000)
    expect(await world.status(second)).toBe('scheduled')
    await world.pass(30_000)
    expect(order).toEqual(['first', 'second'])
  })

  test('explains what is missing', async () => {
    const { world, submit } = await opened(open)
    const first = await submit('first', { delay: 60 })
    const second = await submit('second', { after: [first.id] })
    const explain = async () => (await world.until(world.node.explain(second.id))).reasons
    const message = `Waits for one task to end: ${first.id} (scheduled).`
    expect(await explain()).toEqual([{ code: 'predecessors', message }])
    await world.control(second.id, 'pause')
    expect((await explain()).map(({ code }) => code)).toEqual(['paused', 'predecessors'])
  })

  test('is refused with the place of what is wrong', async () => {
    const { world, type, submit } = await opened(open)
    const first = await submit('first')
    const refused = async (submit: Promise<unknown>) => {
      submit.catch(() => undefined)
      await world.pass()
      await expect(submit).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
      return submit.catch((error: { issues: { path: string }[] }) => error.issues.map(({ path }) => path))
    }
    const one = (options: SubmitOptions) => refused(world.node.submit(type, { name: 'x' }, options))
    expect(await one({ after: [first.id, 'nobody'] })).toEqual(['after.1'])
    expect(await one({ onFailure: 'run' })).toEqual(['onFailure'])
    expect(await one({ after: [first.id], onFailure: 'ignore' as 'run' })).toEqual(['onFailure'])
    expect(await one({ after: Array.from({ length: 10_001 }, (_, index) => `id-${index}`) })).toEqual([
      'after',
    ])
    const drafts = [
      { parameters: { name: 'x' } },
      { parameters: { name: 'y' }, options: { after: ['nobody'] } },
    ]
    expect(await refused(world.node.enqueueAll('noting', drafts))).toEqual(['tasks.1.after.0'])
  })
})
