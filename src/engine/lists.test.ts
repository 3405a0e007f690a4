import { describe, expect, test } from 'vitest'
import { FakeClock } from '../testing/clock.ts'
import { fromApi, node, submission } from '../../test/support/tasks.ts'
import type { Filter, Searched } from '../core/filter.ts'
import type { Store } from '../store/store.ts'
import { openSqlite } from '../store/sqlite/store.ts'
import { cursorOf } from './cursor.ts'
import { listTasks, searchLimit, type ListOptions } from './lists.ts'

const extra = 10
const searched: Searched = (task, parameters) => ({ task, parameters })

/** More tasks than a search looks at; the oldest, and one within reach, have the text. */
async function withMany(
  body: (
    list: (filter: Filter, options?: ListOptions) => ReturnType<typeof listTasks>,
    store: Store,
  ) => Promise<void>,
) {
  const clock = new FakeClock()
  await using store = await openSqlite(':memory:', { clock })
  const count = searchLimit + extra
  const found = new Set([0, extra - 1, extra, 500])
  const all = Array.from({ length: count }, (_, index) =>
    submission({ id: `task-${index}`, parameters: found.has(index) ? '{"a":"needle"}' : '{}' }),
  )
  await store.submit(all, fromApi)
  await body((filter, options = {}) => listTasks(store, clock, searched, filter, options), store)
}

const idsOf = ({ tasks }: Awaited<ReturnType<typeof listTasks>>) => tasks.map(({ task }) => task.id)

describe('a search for text', () => {
  test('covers the newest tasks, and says that there are older ones', () =>
    withMany(async (list) => {
      const page = await list({ text: 'needle' })
      expect(idsOf(page)).toEqual(['task-500', `task-${extra}`])
      expect(page).toMatchObject({ nextCursor: null, searchLimited: true })
      const oldest = await list({ text: 'NEEDLE' }, { order: 'oldest' })
      expect(idsOf(oldest)).toEqual([`task-${extra}`, 'task-500'])
      expect(oldest).toMatchObject({ nextCursor: null, searchLimited: true })
    }))

  test('keeps to them over its pages', () =>
    withMany(async (list) => {
      for (const order of ['newest', 'oldest'] as const) {
        const found: string[] = []
        let page = await list({ text: 'needle' }, { order, limit: 1 })
        found.push(...idsOf(page))
        while (page.nextCursor !== null) {
          page = await list({ text: 'needle' }, { order, limit: 1, cursor: page.nextCursor })
          found.push(...idsOf(page))
        }
        expect(found.toSorted()).toEqual([`task-${extra}`, 'task-500'])
        expect(page.searchLimited).toBe(true)
      }
    }))

  test('without a limit on other lists', () =>
    withMany(async (list) => {
      const seen = new Set<string>()
      let options: ListOptions = { limit: 1_000 }
      for (;;) {
        const page = await list({}, options)
        for (const id of idsOf(page)) seen.add(id)
        if (page.nextCursor === null) break
        options = { limit: 1_000, cursor: page.nextCursor }
      }
      expect(seen.size).toBe(searchLimit + extra)
    }))
})

describe('an order by duration', () => {
  /** Finished tasks of 0 to 4 seconds, each `most` times. */
  async function withRuns(
    most: number,
    body: (
      list: (filter: Filter, options?: ListOptions) => ReturnType<typeof listTasks>,
      end: (id: string, activeMs: number) => Promise<void>,
    ) => Promise<void>,
  ) {
    const clock = new FakeClock()
    await using store = await openSqlite(':memory:', { clock })
    await store.startNode(node('one'))
    const end = async (id: string, activeMs: number) => {
      await store.submit([submission({ id, parameters: `{"of":"${id}"}` })], fromApi)
      await clock.advance(1)
      const [claimed] = await store.claim({
        node: 'one',
        limit: 1,
        types: [{ type: 'work', concurrency: null }],
      })
      const { fence } = claimed!.task
      await store.settle('one', [{ id, fence, outcome: { kind: 'completed', result: '1' }, activeMs }])
    }
    for (let n = 0; n < 5 * most; n++) await end(`task-${n}`, (n % 5) * 1_000)
    await store.submit([submission({ id: 'queued' })], fromApi)
    await body((filter, options = {}) => listTasks(store, clock, searched, filter, options), end)
  }

  test('pages through finished tasks, with their parameters', () =>
    withRuns(3, async (list, end) => {
      for (const order of ['longest', 'shortest'] as const) {
        const found: string[] = []
        let page = await list({}, { order, limit: 4 })
        expect(page.tasks[0]?.parameters).toBe(`{"of":"${page.tasks[0]?.task.id}"}`)
        found.push(...idsOf(page))
        while (page.nextCursor !== null) {
          // What ends meanwhile is in no page that follows.
          await end(`${order}-${found.length}`, 9_000)
          page = await list({}, { order, limit: 4, cursor: page.nextCursor })
          found.push(...idsOf(page))
        }
        const known = found.filter((id) => id.startsWith('task-'))
        expect(new Set(known).size).toBe(15)
        const took = known.map((id) => Number(id.slice(5)) % 5)
        expect(took).toEqual(took.toSorted((a, b) => (order === 'longest' ? b - a : a - b)))
        expect(page.searchLimited).toBe(false)
      }
      expect(idsOf(await list({ tookMin: 4_000, tookMax: 4_000 }))).toHaveLength(3)
      const { tasks } = await list({ text: 'task-7' }, { order: 'longest', parameters: false })
      expect(tasks).toMatchObject([{ parameters: 'null', cut: 15 }])
    }))

  test('covers the newest tasks, and says that there are older ones', () =>
    withMany(async (list, store) => {
      const ids = Array.from({ length: searchLimit + extra }, (_, index) => `task-${index}`)
      await store.control(ids.map((id) => ({ id, control: 'cancel', by: 'api' })))
      const { tasks, searchLimited } = await list({}, { order: 'shortest', limit: 1 })
      expect([tasks[0]?.task.id, searchLimited]).toEqual(['task-10', true])
    }))

  test('refuses the cursor of another list', () =>
    withRuns(1, async (list) => {
      const { nextCursor } = await list({}, { order: 'longest', limit: 1 })
      const cursor = nextCursor ?? ''
      for (const options of [
        { order: 'shortest', cursor },
        { cursor },
        { order: 'longest', cursor: 'x' },
      ] as const)
        await expect(list({}, options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
      await expect(list({ tag: 'x' }, { order: 'longest', cursor })).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
      })
    }))
})

describe('a forged cursor', () => {
  const forged = (fields: readonly number[], filter: Filter, order: 'newest' | 'oldest') => {
    const [createdAt = 0, n = 0, looked = 0, limited = 0] = fields
    return cursorOf({ after: { at: createdAt, rowId: n }, looked, limited: limited === 1 }, filter, order)
  }

  test('lifts no limit of a search', () =>
    withMany(async (list) => {
      const filter = { text: 'needle' }
      for (const looked of [searchLimit, 20_000, 1e16]) {
        const cursor = forged([Number.MAX_SAFE_INTEGER, 1, looked], filter, 'newest')
        await expect(list(filter, { cursor })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
      }
      const cursor = forged([Number.MAX_SAFE_INTEGER, 1, searchLimit - 1], filter, 'newest')
      expect(await list(filter, { cursor })).toMatchObject({
        tasks: [],
        nextCursor: null,
        searchLimited: true,
      })
    }))

  test.each([
    [1e16, 1],
    [1, 1e16],
  ])('with an impossible position (%d, %d) is refused', (createdAt, n) =>
    withMany(async (list) => {
      for (const order of ['newest', 'oldest'] as const) {
        const cursor = forged([createdAt, n], {}, order)
        await expect(list({}, { order, cursor })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
      }
    }),
  )
})

test('a page of large tasks is short, and omits what is too large', async () => {
  const clock = new FakeClock()
  await using store = await openSqlite(':memory:', { clock })
  const text = (length: number) => JSON.stringify({ a: 'x'.repeat(length) })
  const all = Array.from({ length: 400 }, (_, index) =>
    submission({ id: `task-${index}`, parameters: text(index === 399 ? 1_000_000 : 16_000) }),
  )
  await store.submit(all, fromApi)
  const first = await listTasks(store, clock, searched, {}, { limit: 1_000 })
  expect(first.tasks[0]).toMatchObject({ parameters: 'null', cut: 1_000_008 })
  const bytes = first.tasks.reduce((sum, { parameters }) => sum + parameters.length, 0)
  expect(bytes).toBeGreaterThan(4_000_000)
  expect(bytes).toBeLessThan(4_300_000)
  const second = await listTasks(store, clock, searched, {}, { limit: 1_000, cursor: first.nextCursor ?? '' })
  expect(first.tasks.length + second.tasks.length).toBe(400)
  expect(second.nextCursor).toBeNull()
})
