import { describe, expect } from 'vitest'
import type { AuditEntry, AuditFilter } from '../../src/core/audit.ts'
import type { NewKey } from '../../src/core/keys.ts'
import type { Operation } from '../../src/core/operation.ts'
import type { AuditCursor } from '../../src/store/audit-log.ts'
import { by, fromApi } from '../support/tasks.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function auditing(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('the audit log', () => {
    test('has an entry for each control that changed something, with the time of its timeline entry', async (scene) => {
      const { store, clock } = scene
      const { id } = await given.queued(scene)
      await clock.advance(7)
      const origin = by('Änne \0 \uFFFF', { reason: 'lunch \uFFFF', requestId: 'request-1' })
      const command = { id, control: 'pause', by: 'Änne \0 \uFFFF', why: 'lunch \uFFFF' } as const
      const answers = await store.control([command, { ...command, id: 'nobody' }], origin)
      expect(answers.map(({ kind: answer }) => answer)).toEqual(['moved', 'unknown'])
      expect(await store.control([command], origin)).toMatchObject([{ kind: 'stands' }])
      expect(await store.control([{ ...command, control: 'retry' }], origin)).toMatchObject([
        { kind: 'refused' },
      ])
      const { timeline } = await scene.record({ id })
      expect(await all(scene)).toEqual([
        {
          id: expect.stringMatching(/^\d+$/) as string,
          at: timeline.at(-1)?.at,
          caller: { id: 'key-Änne \0 \uFFFF', name: 'Änne \0 \uFFFF' },
          action: 'task.pause',
          taskId: id,
          target: null,
          filter: null,
          count: 1,
          reason: 'lunch \uFFFF',
          requestId: 'request-1',
        },
      ])
    })

    test('has nothing of controls that nobody asks to record, nor of what nodes do', async (scene) => {
      const task = await given.queued(scene)
      const { task: running } = await scene.claimOne(task)
      await scene.settle(running, { kind: 'completed', result: '1' })
      await scene.store.hold('work', true, 'startup')
      await scene.store.purge([task.id])
      expect(await all(scene)).toEqual([])
    })

    test('has one entry for the new tasks of a submit, and none for replayed or refused ones', async (scene) => {
      const { store } = scene
      const options = { ...fromApi, by: 'ci', audit: by('ci') }
      const keyed = { idempotencyKey: 'key', requestHash: 'a' }
      const [first] = [scene.draft(keyed)]
      await store.submit([first], options)
      await store.submit([scene.draft(keyed)], options)
      await store.submit([scene.draft(keyed), scene.draft()], options)
      await store.submit([scene.draft(), scene.draft()], options)
      await store.submit([scene.draft(), scene.draft({ type: 'other' })], options)
      await store.submit([scene.draft({ ...keyed, requestHash: 'b' }), scene.draft()], options)
      await store.submit([scene.draft()], { ...options, maxQueued: 1 })
      await store.submit([scene.draft()], fromApi)
      const entries = await all(scene)
      expect(entries.map(({ action }) => action)).toEqual(entries.map(() => 'task.submit'))
      const target = { id: null, name: 'work' }
      expect(entries.map((entry) => [entry.taskId, entry.count, entry.target])).toEqual([
        [null, 2, null],
        [null, 2, target],
        ['task-4', 1, target],
        ['task-1', 1, target],
      ])
    })

    test('has who purged, held, released and changed keys, in the commit of the change', async (scene) => {
      const { store } = scene
      const done = await given.completed(scene)
      const alive = await given.queued(scene)
      await store.purge([done.id, alive.id, 'nobody'], undefined, by('eve', { reason: 'space' }))
      await store.hold('work', true, 'eve', by('eve', { reason: 'broken' }))
      expect((await store.counts()).held['work']).toMatchObject({ by: 'eve', reason: 'broken' })
      await store.hold('work', true, 'eve', by('eve'))
      await store.hold('work', false, 'eve', by('eve', { requestId: 'r' }))
      await store.keys.add(draft('one'), by('eve'))
      await store.keys.add(draft('one'), by('eve'))
      await store.keys.rotate('one', 'b', 0, by('eve', { reason: 'leaked' }))
      await store.keys.rotate('none', 'b', 0, by('eve'))
      await store.keys.remove('one', by('eve'))
      await store.keys.remove('one', by('eve'))
      const key = { id: 'one', name: 'name of one' }
      const type = { id: null, name: 'work' }
      expect((await all(scene)).toReversed()).toMatchObject([
        { action: 'task.purge', taskId: done.id, count: 1, reason: 'space' },
        { action: 'type.hold', taskId: null, target: type, count: null, reason: 'broken' },
        { action: 'type.release', target: type, requestId: 'r' },
        { action: 'key.create', target: key, count: null },
        { action: 'key.rotate', target: key, reason: 'leaked' },
        { action: 'key.revoke', target: key },
      ])
    })

    test('counts what an operation has changed, in one entry', async (scene) => {
      const { store } = scene
      const filter = { types: ['work'], createdBefore: 5, tag: 'a \uFFFF' }
      const operation = await store.beginOperation({ ...empty, filter }, by('eve', { reason: 'wrong file' }))
      await store.beginOperation({ ...empty, id: 'dry', dryRun: true }, by('eve'))
      const count = async () => (await all(scene, { action: 'bulk.cancel' })).map((entry) => entry.count)
      expect(await count()).toEqual([0])
      const [a, b] = await scene.submitAll({}, {})
      const commands = [a!.id, b!.id, 'nobody'].map((id) => ({ id, control: 'cancel' as const, by: 'eve' }))
      await store.control(commands, { operation })
      expect(await count()).toEqual([2])
      await store.control(commands, { operation })
      await scene.audit.check()
      await store.purge([a!.id], undefined, { operation: { id: 'none', createdAt: operation.createdAt } })
      expect(await all(scene)).toMatchObject([
        {
          at: operation.createdAt,
          target: { id: 'operation', name: null },
          filter: operation.filter,
          count: 2,
          reason: 'wrong file',
        },
      ])
    })

    test('has who ended an operation, once', async (scene) => {
      const { store } = scene
      await store.beginOperation({ ...empty, node: scene.node })
      for (const name of ['eve', 'bob']) await store.operation('operation', { cancel: true, audit: by(name) })
      await store.operation('none', { cancel: true, audit: by('eve') })
      const target = { id: 'operation', name: null }
      expect(await all(scene)).toMatchObject([
        { action: 'operation.cancel', target, caller: { name: 'eve' } },
      ])
    })

    test('is read in pages by task, action, caller and time, newest first', async (scene) => {
      const { store, clock } = scene
      const tasks = await scene.submitAll({}, {}, {})
      const callers = ['ann', 'bob']
      for (const [index, control] of (['pause', 'resume', 'cancel'] as const).entries()) {
        for (const { id } of tasks) {
          for (const name of callers) await store.control([{ id, control, by: name }], by(name))
        }
        await store.submit([scene.draft()], { ...fromApi, audit: by(callers[index % 2]!) })
        await clock.advance(10)
      }
      const everything = await all(scene)
      expect(everything).toHaveLength(12)
      expect(everything).toEqual(everything.toSorted((a, b) => b.at - a.at || Number(b.id) - Number(a.id)))
      const [from, to] = [everything.at(-5)!.at, everything[3]!.at]
      const filters: AuditFilter[] = [
        { taskId: tasks[1]!.id },
        { action: 'task.cancel' },
        { action: 'task.submit' },
        { caller: 'bob' },
        { caller: 'ann', action: 'task.submit' },
        { caller: 'ann', action: 'task.pause', taskId: tasks[0]!.id },
        { after: from, before: to },
        { after: from, before: to, action: 'task.resume' },
        { before: from, caller: 'ann' },
        { caller: 'nobody' },
      ]
      for (const filter of filters) {
        const expected = everything.filter(
          ({ taskId, action, caller, at }) =>
            (filter.taskId === undefined || taskId === filter.taskId) &&
            (filter.action === undefined || action === filter.action) &&
            (filter.caller === undefined || caller.name === filter.caller) &&
            at >= (filter.after ?? 0) &&
            at < (filter.before ?? Number.POSITIVE_INFINITY),
        )
        for (const scan of [1, 2, 100]) {
          expect(await all(scene, filter, scan), JSON.stringify({ filter, scan })).toEqual(expected)
        }
      }
    })

    test('finds many entries by task and caller, also those from before a clock was set back', async (scene) => {
      const callers = ['ann', 'bob', 'cy']
      const add = async (count: number) => {
        for (let number = 0; number < count; number++) {
          const audit = by(callers[number % callers.length]!)
          await scene.store.submit([scene.draft()], { ...fromApi, audit })
          if (number % 50 === 0) await scene.clock.advance(1)
        }
      }
      const findsAll = async (count: number) => {
        const everything = await all(scene)
        expect(everything).toHaveLength(count)
        for (const caller of callers) {
          const own = everything.filter((entry) => entry.caller.name === caller)
          expect(await all(scene, { caller }, 90)).toEqual(own)
        }
        const some = everything.filter((_, index) => index % 37 === 0)
        for (const entry of some) expect(await all(scene, { taskId: entry.taskId! })).toEqual([entry])
      }
      await add(300)
      await findsAll(300)
      scene.clock.set(scene.clock.now() - 60_000)
      await scene.promote()
      await add(300)
      await findsAll(600)
      if (kind.durable) {
        await scene.reopen()
        await scene.startNode()
        await findsAll(600)
      }
      await scene.clock.advance(1_000)
      await add(10)
      await findsAll(610)
      while ((await scene.store.audit.prune(500, 64)) > 0);
      const left = await all(scene)
      expect(left.length).toBeLessThan(610)
      await findsAll(left.length)
      await add(300)
      await findsAll(left.length + 300)
      expect(await all(scene, { caller: 'nobody' })).toEqual([])
    })

    test('loses entries beyond its retention, the oldest first', async (scene) => {
      const { store, clock } = scene
      for (let number = 0; number < 5; number++) {
        await store.hold('work', number % 2 === 0, 'eve', by('eve', { requestId: `${number}` }))
        await clock.advance(10)
      }
      const left = async () => (await all(scene)).map(({ requestId }) => requestId)
      expect(await store.audit.prune(25, 2)).toBe(2)
      expect(await left()).toEqual(['4', '3', '2'])
      expect(await store.audit.prune(25, 2)).toBe(1)
      expect(await store.audit.prune(25, 2)).toBe(0)
      expect(await left()).toEqual(['4', '3'])
    })

    if (!kind.durable) return
    test('survives a restart, and outlives its tasks', async (scene) => {
      const { store } = scene
      const done = await given.completed(scene)
      await store.purge([done.id], undefined, by('eve'))
      const before = await all(scene)
      await scene.reopen()
      await scene.startNode()
      expect(await all(scene)).toEqual(before)
      await scene.store.hold('work', true, 'eve', by('eve'))
      const ids = (await all(scene)).map(({ id }) => id)
      expect(new Set(ids).size).toBe(2)
    })
  })
}

/** All pages. */
async function all(scene: Scene, filter: AuditFilter = {}, scan = 100): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = []
  for (let after: AuditCursor | null = null; ;) {
    const page = await scene.store.audit.read({ filter, after, scan })
    expect(page.entries.length).toBeLessThanOrEqual(scan)
    entries.push(...page.entries)
    after = page.next
    if (after === null) return entries
  }
}

const empty: Operation = {
  id: 'operation',
  action: 'cancel',
  filter: {},
  by: 'eve',
  callerId: 'key-eve',
  reason: null,
  dryRun: false,
  status: 'running',
  node: 'node-1',
  createdAt: 0,
  endedAt: null,
  matched: 0,
  changed: 0,
  unchanged: 0,
  refused: 0,
  error: null,
}

function draft(id: string): NewKey {
  return {
    id,
    name: `name of ${id}`,
    scopes: ['read'],
    types: null,
    tags: null,
    createdBy: 'eve',
    expiresAt: null,
    rateLimit: null,
    hash: 'hash',
  }
}
