import { describe, expect } from 'vitest'
import { boom, fromApi, submission } from '../support/tasks.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function claiming(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('claim', () => {
    test('takes by priority, then by queue position', async (scene) => {
      const of = (id: string, priority: number) => ({ id, priority })
      await scene.submitAll(of('low', -1), of('first', 0), of('high', 1), of('second', 0))
      expect(ids(await scene.claim())).toEqual(['high', 'first', 'second', 'low'])
    })

    test('merges the queues of all types', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2', type: 'other' }, { id: '3' }, { id: '4', type: 'other' })
      const both = [anyNumberOf('other'), anyNumberOf('work')]
      expect(ids(await scene.claim(3, both))).toEqual(['1', '2', '3'])
    })

    test('takes up to its limit, and only its types', async (scene) => {
      await scene.submitAll({ id: 'other', type: 'other' }, { id: '1' }, { id: '2' }, { id: '3' })
      expect(ids(await scene.claim(0))).toEqual([])
      expect(ids(await scene.claim(2))).toEqual(['1', '2'])
      expect(ids(await scene.claim(100, []))).toEqual([])
      expect(ids(await scene.claim(100, [anyNumberOf('unheard of')]))).toEqual([])
      expect(ids(await scene.claim())).toEqual(['3'])
    })

    test('leaves due tasks to the promoter', async (scene) => {
      await scene.submit({ runAt: scene.clock.now() + 10 })
      await scene.clock.advance(10)
      expect(await scene.claim()).toEqual([])
      await scene.promote()
      expect(await scene.claim()).toHaveLength(1)
    })

    test('returns what the handler needs', async (scene) => {
      const task = await scene.submit({ parameters: '[1]' })
      const first = await scene.claimOne(task)
      expect(first).toMatchObject({ parameters: '[1]', checkpoint: null, previousFence: 0 })
      expect(first.task).toMatchObject({
        status: 'running',
        fence: 1,
        attempt: 1,
        ownerNode: scene.node,
        startedAt: scene.clock.now(),
      })
      await scene.settle(first.task, { kind: 'released', why: 'drain' }, { checkpoint: '{"next":4}' })
      const second = await scene.claimOne(task)
      expect(second).toMatchObject({ parameters: '[1]', checkpoint: '{"next":4}', previousFence: 1 })
    })

    test('tells a parked copy by the previous fence that it is still the newest', async (scene) => {
      const { task } = await scene.claimOne(await scene.submit())
      await park(scene, task.id)
      await scene.control('resume', task)
      const { previousFence, task: again } = await scene.claimOne(task)
      expect(previousFence).toBe(task.fence)
      expect(again.fence).toBe(task.fence + 1)
    })

    test('starts a new attempt after a failure or a loss, not after a pause or a drain', async (scene) => {
      const task = await scene.submit()
      const attempt = async () => (await scene.claimOne(task)).task
      const first = await attempt()
      await park(scene, task.id)
      await scene.control('resume', task)
      const resumed = await attempt()
      await scene.settle(resumed, { kind: 'released', why: 'drain' })
      const drained = await attempt()
      expect([first.attempt, resumed.attempt, drained.attempt]).toEqual([1, 1, 1])
      await scene.settle(drained, { kind: 'failed', error: boom, retryIn: 0 })
      expect(await attempt()).toMatchObject({ attempt: 2 })
      await scene.startNode()
      await scene.reap()
      expect(await attempt()).toMatchObject({ attempt: 3 })
    })

    test('finds a task that returns behind those that wait', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2' })
      const [first] = await scene.claim(1)
      if (first === undefined) return expect.unreachable()
      await scene.settle(first.task, { kind: 'released', why: 'drain' })
      expect(ids(await scene.claim())).toEqual(['2', '1'])
    })

    test('gives a task to one of many concurrent claims', async (scene) => {
      await scene.submitAll({}, {}, {})
      const { store, node } = scene
      const asked = Array.from({ length: 10 }, () =>
        store.claim({ node, limit: 1, types: [anyNumberOf('work')] }),
      )
      const claimed = (await Promise.all(asked)).flat()
      expect(ids(claimed)).toEqual(['task-1', 'task-2', 'task-3'])
    })

    test('takes what is submitted before it in the same turn', async (scene) => {
      const { store, node } = scene
      const submitted = store.submit([scene.draft()], fromApi)
      const claiming = store.claim({ node, limit: 1, types: [anyNumberOf('work')] })
      expect(await submitted).toMatchObject({ kind: 'accepted' })
      expect(ids(await claiming)).toEqual(['task-1'])
    })

    if (kind.groups) inOneTurn(kind)

    test('gives nothing to a node that is not alive', async (scene) => {
      await scene.submit()
      const old = scene.node
      const by = (node: string) => scene.store.claim({ node, limit: 1, types: [anyNumberOf('work')] })
      await scene.startNode()
      expect(await by(old)).toEqual([])
      expect(await by('never started')).toEqual([])
      await scene.store.endNode(scene.node)
      expect(await by(scene.node)).toEqual([])
    })
  })

  describe('concurrency of a type', () => {
    const atMost = (concurrency: number) => [{ type: 'work', concurrency }]

    test('holds within one claim, and across claims of one turn', async (scene) => {
      await scene.submitAll({}, {}, {}, {}, {})
      const { store, node } = scene
      const request = { node, limit: 10, types: atMost(2) }
      const claims = await Promise.all([store.claim(request), store.claim(request)])
      expect(claims.map((claimed) => claimed.length)).toEqual([2, 0])
    })

    test('counts running, pausing and cancelling tasks, and no others', async (scene) => {
      await scene.submitAll({ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' })
      await scene.claim(3)
      await scene.control('pause', { id: 'b' })
      await scene.control('cancel', { id: 'c' })
      expect(await scene.claim(10, atMost(3))).toEqual([])
      await park(scene, 'b')
      expect(ids(await scene.claim(10, atMost(3)))).toEqual(['d'])
    })

    test('counts fenced-off code until it has returned', async (scene) => {
      await scene.submitAll({ id: 'stuck' }, { id: 'next' })
      const [stuck] = await scene.claim(1)
      if (stuck === undefined) return expect.unreachable()
      const { id, fence } = stuck.task
      await scene.control('cancel', { id })
      await scene.settle(stuck.task, { kind: 'cancelled', endedBy: 'abandoned' }, { fencedOff: true })
      expect(await scene.claim(1, atMost(1))).toEqual([])
      await scene.store.releaseSlots(scene.node, [{ id, fence, why: 'it returned' }])
      expect(ids(await scene.claim(1, atMost(1)))).toEqual(['next'])
    })

    test('of one type does not hold back another', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2' }, { id: '3', type: 'other', priority: -1 })
      expect(ids(await scene.claim(10, [...atMost(1), anyNumberOf('other')]))).toEqual(['1', '3'])
    })
  })
}

/** The claim is called first, but executes last. */
function inOneTurn(kind: StoreKind): void {
  const test = testsOn(kind)

  test('takes what is submitted after it in the same turn, and is answered after it', async (scene) => {
    const { store, node } = scene
    const answered: string[] = []
    const claiming = store.claim({ node, limit: 3, types: [anyNumberOf('work')] })
    const submits = [scene.draft(), scene.draft()].map((draft) => store.submit([draft], fromApi))
    void claiming.then(() => answered.push('claim'))
    for (const submit of submits) void submit.then(() => answered.push('submit'))
    await Promise.all(submits)
    expect(ids(await claiming)).toEqual(['task-1', 'task-2'])
    expect(answered).toEqual(['submit', 'submit', 'claim'])
  })

  test('takes what is resumed, and the slot that is freed, after it in the same turn', async (scene) => {
    const { store, node } = scene
    await scene.submitAll({ id: 'paused' }, { id: 'ends' }, { id: 'next' })
    await scene.control('pause', { id: 'paused' })
    const types = [{ type: 'work', concurrency: 2 }]
    const [first] = await store.claim({ node, limit: 1, types })
    if (first === undefined) return expect.unreachable()
    const claiming = store.claim({ node, limit: 3, types })
    const { id, fence } = first.task
    const settlement = { id, fence, outcome: { kind: 'completed', result: '1' }, activeMs: 0 } as const
    await Promise.all([
      store.control([{ id: 'paused', control: 'resume', by: 'api' }]),
      store.settle(node, [settlement]),
    ])
    expect(ids(await claiming)).toEqual(['next', 'paused'])
  })

  test('is not affected by a refused write of the same turn', async (scene) => {
    const { store, node } = scene
    await scene.submit({ id: 'there' })
    await scene.control('pause', { id: 'there' })
    const claiming = store.claim({ node, limit: 3, types: [anyNumberOf('work')] })
    const again = store.submit([submission({ id: 'there' })], fromApi)
    const good = store.submit([scene.draft({ id: 'good' })], fromApi)
    await expect(again).rejects.toThrow(Error)
    expect(await good).toMatchObject({ kind: 'accepted' })
    expect(ids(await claiming)).toEqual(['good'])
  })
}

function ids(claimed: readonly { task: { id: string } }[]): string[] {
  return claimed.map(({ task }) => task.id)
}

/** Pauses the running task at a pause point. */
async function park(scene: Scene, id: string): Promise<void> {
  await scene.control('pause', { id })
  const task = await scene.task({ id })
  const { verdict } = await scene.settle(task, { kind: 'paused', controlVersion: task.version })
  expect(verdict).toBe('settled')
}
