import { describe, expect } from 'vitest'
import type { Filter, Order } from '../../src/core/filter.ts'
import type { Submission } from '../../src/core/task.ts'
import type { EndedQuery, FailedCursor, FailedPage, ListCursor, Query } from '../../src/store/store.ts'
import { boom } from '../support/tasks.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function listing(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a list', () => {
    test('of a task that is claimed, paused and resumed between its pages shows it once', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2' }, { id: '3' }, { id: '4' })
      const first = await page(scene, {}, { limit: 2 })
      await scene.claim(4)
      await scene.control('pause', { id: '3' })
      await scene.control('pause', { id: '2' })
      await scene.submit({ id: '5' })
      const second = await page(scene, {}, { limit: 2, after: first.next })
      expect([first.ids, second.ids, second.next]).toEqual([['4', '3'], ['2', '1'], null])
    })

    test('shows a task whose status changes while it is read', async (scene) => {
      await scene.submit({ id: '1' })
      let isOver = false
      const changing = (async () => {
        while (!isOver)
          for (const control of ['pause', 'resume'] as const) await scene.control(control, { id: '1' })
      })()
      const seen: (readonly string[])[] = []
      for (let n = 0; n < 50; n++) seen.push((await page(scene, {})).ids)
      isOver = true
      await changing
      expect(seen.filter(([id]) => id !== '1')).toEqual([])
    })

    test('of tasks that are purged between its pages continues after them', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2' }, { id: '3' })
      const first = await page(scene, {}, { limit: 1 })
      for (const id of ['3', '2']) await scene.control('cancel', { id })
      await scene.store.purge(['3', '2'])
      expect(await page(scene, {}, { after: first.next })).toMatchObject({ ids: ['1'], next: null })
    })

    test('is ordered by submission time, and by number within a moment', async (scene) => {
      await scene.submitAll({ id: '2' }, { id: '3' })
      scene.clock.set(scene.clock.now() - 5)
      await scene.submit({ id: '1' })
      scene.clock.set(scene.clock.now() + 10)
      await scene.submit({ id: '4', priority: 9 })
      expect(await page(scene, {})).toMatchObject({ ids: ['4', '3', '2', '1'] })
      expect(await page(scene, {}, { order: 'oldest' })).toMatchObject({ ids: ['1', '2', '3', '4'] })
      for (const order of ['newest', 'oldest'] as const) {
        expect(await allPages(scene, {}, { order, limit: 1 })).toEqual(await allPages(scene, {}, { order }))
      }
    })

    test('filters by status and type, whatever the history of a task', async (scene) => {
      const { lost: _, unsubmitted: __, ...situations } = given
      const known: given.Known[] = []
      for (const situation of Object.values(situations)) known.push(await situation(scene))
      const statuses = new Map<string, string[]>()
      for (const { id, type } of known) {
        const { status } = await scene.task({ id })
        statuses.set(status, [id, ...(statuses.get(status) ?? [])])
        expect(await page(scene, { types: [type] })).toMatchObject({ ids: [id], next: null })
        expect(await page(scene, { types: [type], statuses: [status] })).toMatchObject({ ids: [id] })
      }
      expect(statuses.size).toBe(10)
      // Without the tasks for which some of them wait.
      const types = known.map(({ type }) => type)
      for (const [status, ids] of statuses) {
        expect(await page(scene, { types, statuses: [status as 'queued'] })).toMatchObject({
          ids,
          next: null,
        })
      }
      expect((await page(scene, { types, statuses: ['running', 'paused', 'failed'] })).ids).toHaveLength(
        ['running', 'paused', 'failed'].flatMap((status) => statuses.get(status) ?? []).length,
      )
      expect((await page(scene, { statuses: [] })).ids).toEqual([])
      expect((await page(scene, { types: ['nothing'] })).ids).toEqual([])
      expect((await page(scene, { types: [known[0]!.type, known[0]!.type] })).ids).toHaveLength(1)
    })

    test('filters by time, from inclusive and to exclusive', async (scene) => {
      const start = scene.clock.now()
      for (const id of ['0', '1', '2', '3']) {
        await scene.submit({ id, tags: ['t'] })
        await scene.clock.advance(10)
      }
      const between = { createdAfter: start + 10, createdBefore: start + 30 }
      expect((await page(scene, between)).ids).toEqual(['2', '1'])
      expect((await page(scene, { ...between, tag: 't' }, { order: 'oldest' })).ids).toEqual(['1', '2'])
      expect((await page(scene, { createdBefore: start })).ids).toEqual([])
    })

    test('filters by tag, combined with the rest', async (scene) => {
      await scene.submitAll(
        { id: '1', tags: ['a', 'b'] },
        { id: '2', tags: ['b'], type: 'other' },
        { id: '3', tags: ['ab'] },
        { id: '4', tags: ['a', 'größer "x"'] },
      )
      await scene.control('pause', { id: '4' })
      expect((await page(scene, { tag: 'a' })).ids).toEqual(['4', '1'])
      expect((await page(scene, { tag: 'a', statuses: ['queued'] })).ids).toEqual(['1'])
      expect((await page(scene, { tag: 'b', types: ['other'] })).ids).toEqual(['2'])
      expect((await page(scene, { tag: 'größer "x"' })).ids).toEqual(['4'])
      await scene.control('cancel', { id: '4' })
      await scene.store.purge(['4'])
      expect((await page(scene, { tag: 'a' })).ids).toEqual(['1'])
    })

    test('filters by the caller that submitted, and by any of several tags', async (scene) => {
      const by = (name: string) => ({ by: name, maxQueued: 100 })
      await scene.store.submit([scene.draft({ id: '1', tags: ['a'] })], by('Änne'))
      await scene.store.submit([scene.draft({ id: '2', tags: ['a', 'b'] })], by('bob'))
      await scene.store.submit([scene.draft({ id: '3', tags: ['c'] })], by('bob'))
      expect(await scene.task({ id: '1' })).toMatchObject({ createdBy: 'Änne' })
      expect((await page(scene, { createdBy: 'Änne' })).ids).toEqual(['1'])
      expect((await page(scene, { createdBy: 'bob' })).ids).toEqual(['3', '2'])
      expect((await page(scene, { createdBy: 'bob', tag: 'a' })).ids).toEqual(['2'])
      expect((await page(scene, { anyTag: ['a', 'b'] })).ids).toEqual(['2', '1'])
      expect((await page(scene, { anyTag: ['b', 'c'], createdBy: 'Änne' })).ids).toEqual([])
      expect((await page(scene, { anyTag: [] })).ids).toEqual([])
    })

    test('filters by the fingerprint of the failure, and lists failures in their order, the latest first', async (scene) => {
      const fail = async (id: string, message: string, retryIn: number | null = null) => {
        const task = (await scene.claimOne(await scene.submit({ id, type: id, tags: ['t'] }))).task
        await scene.clock.advance(1_000)
        await scene.settle(task, { kind: 'failed', error: { ...boom, message }, retryIn })
      }
      const began = scene.store.now()
      await scene.submit({ id: 'queued' })
      await fail('3', 'row 17 is bad')
      await fail('1', 'row 4 is bad')
      await fail('2', 'too slow')
      await fail('4', 'row 5 is bad', 60_000)
      const fingerprint = (await scene.task({ id: '3' })).error?.fingerprint ?? ''
      expect(fingerprint).toMatch(/^[\da-f]{16}$/)
      expect((await scene.task({ id: '1' })).error?.fingerprint).toBe(fingerprint)
      expect((await page(scene, { fingerprint, statuses: ['failed'] })).ids).toEqual(['1', '3'])
      const failed = (filter: Filter, scan: number, after: FailedCursor | null = null, since = began) =>
        scene.store.failed({ filter, since, after, scan })
      const ids = ({ tasks }: FailedPage) => tasks.map(({ id }) => id)
      const whole = await failed({}, 10)
      expect([ids(whole), whole.next]).toEqual([['2', '1', '3'], null])
      expect(whole.tasks[1]).toEqual({
        id: '1',
        type: '1',
        code: 'BOOM',
        fingerprint,
        failedAt: expect.any(Number),
      })
      const first = await failed({}, 2)
      expect(ids(first)).toEqual(['2', '1'])
      expect(ids(await failed({}, 2, first.next))).toEqual(['3'])
      expect(ids(await failed({ types: ['3', '1'], tag: 't', fingerprint }, 10))).toEqual(['1', '3'])
      expect(ids(await failed({}, 10, null, whole.tasks[0]?.failedAt))).toEqual(['2'])
      await scene.control('retry', { id: '2' })
      await scene.store.purge(['1'])
      expect(ids(await failed({}, 10))).toEqual(['3'])
    })

    test('filters by how long finished tasks ran, and orders them by their ends', async (scene) => {
      const end = async (id: string, activeMs: number, more: Partial<Submission> = {}) => {
        const task = await scene.submit({ id, ...more })
        await scene.clock.advance(10)
        await scene.settle(
          (await scene.claimOne(task)).task,
          { kind: 'completed', result: 'null' },
          { activeMs },
        )
        await scene.clock.advance(1_000)
      }
      await scene.submit({ id: 'later', type: 'later' })
      await end('1', 4_000)
      await end('2', 500, { tags: ['t'] })
      await end('3', 30_000, { tags: ['t'], parameters: '{"a":"needle"}' })
      await scene.control('cancel', { id: 'later' })
      await scene.submit({ id: 'queued' })
      expect((await page(scene, { tookMin: 500, tookMax: 4_000 })).ids).toEqual(['2', '1'])
      expect((await page(scene, { tookMin: 501, tag: 't' })).ids).toEqual(['3'])
      expect((await page(scene, { tookMax: 499, statuses: ['completed'] })).ids).toEqual([])
      expect((await page(scene, { tookMax: 0 })).ids).toEqual(['later'])
      const ended = (filter: Filter, order: Order = 'ended_newest') => page(scene, filter, { order })
      expect(await ended({})).toMatchObject({ ids: ['later', '3', '2', '1'], next: null, looked: 4 })
      expect((await ended({}, 'ended_oldest')).ids).toEqual(['1', '2', '3', 'later'])
      for (const order of ['ended_newest', 'ended_oldest'] as const)
        expect(await allPages(scene, {}, { order, limit: 1 })).toEqual(await allPages(scene, {}, { order }))
      expect((await ended({ tag: 't' })).ids).toEqual(['3', '2'])
      expect((await ended({ types: ['later'], statuses: ['cancelled'] })).ids).toEqual(['later'])
      expect((await ended({ text: 'needle' })).ids).toEqual(['3'])
      const { createdAt } = await scene.task({ id: '2' })
      expect((await ended({ createdAfter: createdAt })).ids).toEqual(['3', '2'])
      await scene.control('retry', { id: 'later' })
      expect((await ended({})).ids).toEqual(['3', '2', '1'])
    })

    test('lists finished tasks in the order of their ends, either way, and reads many timelines', async (scene) => {
      const end = async (id: string, tags: string[] = []) => {
        const { task } = await scene.claimOne(await scene.submit({ id, type: id, tags }))
        await scene.clock.advance(1_000)
        await scene.settle(task, { kind: 'completed', result: 'null' })
        return (await scene.task(task)).completedAt ?? 0
      }
      await scene.submit({ id: 'queued' })
      const third = await end('3')
      const first = await end('1', ['t'])
      const second = await end('2')
      const all = { filter: {}, from: third, until: second + 1, after: null, scan: 10 }
      const newest: EndedQuery = { ...all, order: 'newest' }
      const oldest: EndedQuery = { ...all, order: 'oldest' }
      const ended = async (query: EndedQuery) => {
        const { tasks, next } = await scene.store.ended(query)
        return { ids: tasks.map(({ id }) => id), next }
      }
      expect(await ended(newest)).toEqual({ ids: ['2', '1', '3'], next: null })
      expect(await ended(oldest)).toEqual({ ids: ['3', '1', '2'], next: null })
      for (const query of [newest, oldest]) {
        const ids: string[] = []
        let after: EndedQuery['after'] = null
        do {
          const page: Awaited<ReturnType<typeof ended>> = await ended({ ...query, after, scan: 1 })
          ids.push(...page.ids)
          after = page.next
        } while (after !== null)
        expect(ids).toEqual((await ended(query)).ids)
      }
      expect((await ended({ ...newest, until: second })).ids).toEqual(['1', '3'])
      expect((await ended({ ...oldest, from: first })).ids).toEqual(['1', '2'])
      expect((await ended({ ...oldest, filter: { tag: 't' } })).ids).toEqual(['1'])
      expect((await ended({ ...oldest, filter: { createdBefore: first } })).ids).toEqual(['3', '1'])
      const timelines = await scene.store.timelines(['2', 'nothing', 'queued'])
      expect([...timelines.keys()].toSorted()).toEqual(['2', 'queued'])
      for (const [id, timeline] of timelines) expect(timeline).toEqual((await scene.record({ id })).timeline)
      await scene.store.purge(['1'])
      expect((await ended(oldest)).ids).toEqual(['3', '2'])
    })

    test('filters by text in id, parameters and error', async (scene) => {
      await scene.submitAll(
        { id: 'abc-1', parameters: '{"file":"Größe 100%_A.png"}' },
        { id: 'xabc-2', parameters: '{"n":1}' },
      )
      const broken = await scene.submit({ id: '3', type: 'broken' })
      const { task } = await scene.claimOne(broken)
      const error = { ...boom, message: 'The Disk is full', stack: 'at secret.ts' }
      await scene.settle(task, { kind: 'failed', error, retryIn: null })
      const found = async (text: string) => (await page(scene, { text })).ids
      expect(await found('ABC')).toEqual(['abc-1'])
      expect(await found('größe 100%_a')).toEqual(['abc-1'])
      expect(await found('0%%')).toEqual([])
      expect(await found('"n":1')).toEqual(['xabc-2'])
      expect(await found('disk IS')).toEqual(['3'])
      expect(await found('boom')).toEqual(['3'])
      expect(await found('secret')).toEqual([])
      expect(await found('')).toHaveLength(3)
    })

    test('filters by text as people write it, however JSON escapes it', async (scene) => {
      const values = [
        'C:\\temp\\New',
        'say "hello"',
        'one\ttwo',
        'first\nsecond',
        'Größe 😀',
        'a/b',
        '\u0001',
        'u0001',
      ]
      await scene.submitAll(
        ...values.map((value, index) => ({ id: `${index}`, parameters: JSON.stringify({ in: [value] }) })),
      )
      for (const [index, value] of values.entries())
        expect(await ids(scene, value), value).toEqual([`${index}`])
      expect(await ids(scene, 'c:\\TEMP')).toEqual(['0'])
      expect(await ids(scene, 'hello"')).toEqual(['1'])
      expect(await ids(scene, '"in":["a/b"]')).toEqual(['5'])
      // As pasted from a JSON document.
      expect(await ids(scene, 'C:\\\\temp')).toEqual(['0'])
      expect(await ids(scene, 'first\\nsecond')).toEqual(['3'])
      // The letters of an escape sequence are not part of the value.
      expect(await ids(scene, 'ttwo')).toEqual([])
      expect(await ids(scene, '\new')).toEqual([])
    })

    test('with text in the form of an id reads only those ids', async (scene) => {
      const [one, two] = ['019a3c5e-7d2b-7000-8000-000000000001', '019a3c5e-7d2b-7000-8000-000000000002']
      await scene.submitAll({ id: one, tags: ['t'] }, { id: two }, { id: 'x', parameters: `{"of":"${one}"}` })
      expect(await page(scene, { text: '019a3c5e-7d2b' })).toMatchObject({ ids: [two, one], looked: 2 })
      expect(await page(scene, { text: one })).toMatchObject({ ids: [one], looked: 1, next: null })
      expect(await page(scene, { text: one, statuses: ['running'] })).toMatchObject({ ids: [], looked: 1 })
      expect(await page(scene, { text: '019a3c5e-7d2b', tag: 't' })).toMatchObject({ ids: [one], looked: 2 })
    })

    test('reads no more candidates than allowed, and continues after them', async (scene) => {
      await scene.submitAll({ id: '1', tags: ['rare'], parameters: '{"rare":1}' }, {}, {}, {}, { id: '5' })
      const text = await page(scene, { text: 'rare' }, { scan: 2 })
      expect(text).toMatchObject({ ids: [], looked: 2 })
      const rest = await page(scene, { text: 'rare' }, { scan: 3, after: text.next })
      expect(rest).toMatchObject({ ids: ['1'], looked: 3, next: null })
      expect(await page(scene, { tag: 'rare' }, { scan: 2 })).toMatchObject({
        ids: ['1'],
        looked: 1,
        next: null,
      })
      expect(await page(scene, {}, { limit: 5 })).toMatchObject({ looked: 5, next: null })
      expect(await page(scene, {}, { scan: 0 })).toMatchObject({ ids: [], looked: 0 })
    })

    test('has the parameters of each task and nothing of its other documents', async (scene) => {
      const task = await scene.submit({ parameters: '{"a":[1]}' })
      const { entries } = await scene.store.list(query({}))
      expect(entries).toEqual([
        { task, parameters: '{"a":[1]}', cut: null, checkpoint: null, result: null, timeline: [] },
      ])
    })
  })

  describe('a list with a limit of what it reads', () => {
    const large = `{"a":"${'ü'.repeat(5_000)}needle"}`
    const size = Buffer.byteLength(large)

    test('omits large parameters, returns their size, and does not read them', async (scene) => {
      await scene.submitAll({ id: '1', parameters: large }, { id: '2' }, { id: '3', parameters: large })
      const reads = { largest: size - 1, total: 100 }
      const { entries, next } = await scene.store.list(query({}, { reads }))
      const shown = entries.map(({ task, parameters, cut }) => [task.id, parameters, cut])
      expect([shown, next]).toEqual([
        [
          ['3', 'null', size],
          ['2', '{}', null],
          ['1', 'null', size],
        ],
        null,
      ])
      const whole = await scene.store.list(query({}, { reads: { largest: size, total: 3 * size } }))
      expect(whole.entries.map(({ parameters, cut }) => [parameters, cut])).toEqual([
        [large, null],
        ['{}', null],
        [large, null],
      ])
    })

    test('reads no parameters when none are wanted', async (scene) => {
      await scene.submitAll({ id: '1', parameters: large }, { id: '2' })
      const reads = { largest: -1, total: 1 }
      const { entries, next } = await scene.store.list(query({}, { reads }))
      const shown = entries.map(({ task, parameters, cut }) => [task.id, parameters, cut])
      expect([shown, next]).toEqual([
        [
          ['2', 'null', 2],
          ['1', 'null', size],
        ],
        null,
      ])
    })

    test('ends a page once it has read this much, and continues after it', async (scene) => {
      await scene.submitAll(...['1', '2', '3', '4'].map((id) => ({ id, parameters: large })))
      // Encrypted, one is larger by a third.
      const reads = { largest: size, total: size * 1.5 }
      const first = await scene.store.list(query({}, { reads }))
      const second = await scene.store.list(query({}, { reads, after: first.next }))
      expect([first, second].map(({ entries }) => entries.map(({ task }) => task.id))).toEqual([
        ['4', '3'],
        ['2', '1'],
      ])
      expect([first.looked, second.next]).toEqual([2, null])
    })

    test('counts what a search reads, found or not, however large it is', async (scene) => {
      await scene.submitAll(...['1', '2', '3'].map((id) => ({ id, parameters: large })))
      for (const verb of ['list', 'find'] as const) {
        const reads = { largest: 0, total: 2 * size }
        const found = await scene.store[verb](query({ text: 'needle' }, { reads }))
        expect([found.entries.length, found.looked]).toEqual([2, 2])
        const none = await scene.store[verb](query({ text: 'nowhere' }, { reads }))
        expect([none.entries.length, none.looked]).toEqual([0, 2])
        const rest = await scene.store[verb](query({ text: 'nowhere' }, { reads, after: none.next }))
        expect([rest.looked, rest.next]).toEqual([1, null])
      }
    })

    test('does not treat a negative number as no limit', async (scene) => {
      await scene.submitAll({}, {}, {})
      expect(await page(scene, { text: 'nowhere' }, { scan: -1 })).toMatchObject({ ids: [], looked: 0 })
    })
  })

  describe('a queue position', () => {
    test('counts what a claim takes before it, for the requested types', async (scene) => {
      await scene.submitAll(
        { priority: 1 },
        { type: 'other' },
        {},
        { id: 'mine' },
        { priority: 5 },
        { runAt: scene.clock.now() + 1, priority: 9 },
        {},
      )
      const mine = await scene.task({ id: 'mine' })
      const ahead = (types: readonly string[], limit = 100) => scene.store.ahead(mine, types, limit)
      expect(await ahead(['work'])).toBe(3)
      expect(await ahead(['work', 'other'])).toBe(4)
      expect(await ahead(['work', 'other'], 2)).toBe(2)
      expect(await ahead([])).toBe(0)
      await scene.claim(1)
      expect(await ahead(['work', 'other'])).toBe(3)
    })
  })

  describe('the oldest queued task', () => {
    const advance = (scene: Scene, ms: number) => scene.clock.advance(ms)

    test('is that of its type, whatever its priority', async (scene) => {
      const oldest = () => scene.store.oldestQueued(['work', 'other', 'nothing'])
      expect(await oldest()).toEqual({})
      await scene.submit({ priority: 2 })
      await advance(scene, 1_000)
      await scene.submitAll({ priority: 5 }, { priority: -3 }, { type: 'other' })
      await advance(scene, 500)
      await scene.submitAll({ priority: 2 }, { priority: 5 }, { priority: -3 })
      await advance(scene, 50)
      expect(await oldest()).toEqual({ work: 1_550, other: 550 })
      expect(await scene.store.oldestQueued(['other'])).toEqual({ other: 550 })
      expect((await scene.claim(2)).map(({ task }) => task.priority)).toEqual([5, 5])
      await scene.claim(1)
      expect(await oldest()).toEqual({ work: 550, other: 550 })
    })

    test('counts from when it came to the queue, not from its submit', async (scene) => {
      await scene.submit({ delay: 1_000 })
      await advance(scene, 1_500)
      expect(await scene.store.oldestQueued(['work'])).toEqual({})
      await scene.promote()
      await advance(scene, 20)
      expect(await scene.store.oldestQueued(['work'])).toEqual({ work: 20 })
    })

    test('may be a suspect', async (scene) => {
      const suspect = await given.queued(scene)
      for (let crash = 0; crash < 2; crash++) {
        await scene.claimOne(suspect)
        await scene.startNode()
        await scene.reap()
      }
      await advance(scene, 10)
      await scene.submit({ type: suspect.type })
      await advance(scene, 5)
      expect(await scene.store.oldestQueued([suspect.type])).toEqual({ [suspect.type]: 15 })
    })
  })

  describe('what was committed', () => {
    test('is measured in tasks and seconds', async (scene) => {
      if (kind.name.startsWith('memory')) return
      const { rows, seconds } = scene.store.commits
      const before = { commits: rows.count, tasks: rows.sum }
      await scene.submitAll({}, {}, {})
      await scene.claim(2)
      expect(rows.sum - before.tasks).toBe(5)
      expect(rows.count - before.commits).toBe(2)
      expect(seconds.count).toBe(rows.count)
    })
  })
}

const query = (filter: Filter, more: Partial<Query> = {}): Query => ({
  filter,
  order: 'newest',
  after: null,
  limit: 100,
  scan: 1_000,
  ...more,
})

/** Calls both verbs, which must agree. */
async function page({ store }: Scene, filter: Filter, more: Partial<Query> = {}) {
  const { entries: ids, ...rest } = await store.find(query(filter, more))
  const { entries, ...same } = await store.list(query(filter, more))
  expect(entries.map(({ task }) => task.id)).toEqual(ids)
  expect(same).toEqual(rest)
  return { ids, ...rest }
}

async function ids(scene: Scene, text: string): Promise<readonly string[]> {
  return (await page(scene, { text })).ids
}

async function allPages(scene: Scene, filter: Filter, more: Partial<Query>): Promise<string[]> {
  const ids: string[] = []
  let after: ListCursor | null = null
  do {
    const found: Awaited<ReturnType<typeof page>> = await page(scene, filter, { ...more, after })
    ids.push(...found.ids)
    after = found.next
  } while (after !== null)
  return ids
}
