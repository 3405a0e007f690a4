import { describe, expect, test } from 'vitest'
import type { TaskPage, TaskStatus } from '../data/shapes.ts'
import { Pager } from './pager.ts'

describe('the rows of the table', () => {
  test('are added at the end, page by page, until there are no more', async () => {
    const { pager } = tableOf(250)
    await pager.more()
    await Promise.all([pager.more(), pager.more()])
    expect(pager.state().ids).toHaveLength(200)
    await pager.more()
    await pager.more()
    expect(pager.state()).toMatchObject({ isAtEnd: true, isLoading: false })
    expect(pager.state().ids).toHaveLength(250)
    expect(new Set(pager.state().ids).size).toBe(250)
  })

  test('are requested until some are found, since a search may return empty pages', async () => {
    const portions = [[], [], ['b', 'a'], []] as const
    const page = async (cursor = '0'): Promise<TaskPage> => {
      await Promise.resolve()
      const next = Number(cursor) + 1
      return {
        tasks: portions[Number(cursor)]!.map((id) => ({ task_id: id, version: 1 }) as TaskStatus),
        next_cursor: next < portions.length ? String(next) : null,
        search_limited: next === portions.length,
      }
    }
    const one = (id: string) => Promise.resolve({ task_id: id } as TaskStatus)
    const pager = new Pager({ page, one }, { order: 'newest', now: () => 0 })
    await pager.more()
    expect(pager.state()).toMatchObject({ ids: ['b', 'a'], isAtEnd: false, isLoading: false })
    await pager.more()
    expect(pager.state()).toMatchObject({ ids: ['b', 'a'], isAtEnd: true, isLimited: true })
  })

  test('stay in place when new tasks arrive, which are counted', async () => {
    const { pager, add } = tableOf(150)
    await pager.more()
    const before = pager.state().ids
    add(3)
    await pager.lookForFresh()
    expect(pager.state().fresh).toBe(3)
    expect(pager.state().ids).toBe(before)
  })

  test('are counted as new only before the first row of their order', async () => {
    let found = ['c', 'a']
    const page = (): Promise<TaskPage> =>
      Promise.resolve({
        tasks: found.map((id) => ({ task_id: id, version: 1 }) as TaskStatus),
        next_cursor: null,
        search_limited: false,
      })
    const one = (id: string) => Promise.resolve({ task_id: id } as TaskStatus)
    const pager = new Pager({ page, one }, { order: 'ended_newest', now: () => 0 })
    await pager.more()
    found = ['b', 'c', 'd', 'a']
    await pager.lookForFresh()
    expect(pager.state().fresh).toBe(1)
  })

  test('grow at the end with the oldest first', async () => {
    const { pager, add } = tableOf(20, 'oldest')
    await pager.more()
    add(2)
    await pager.lookForFresh()
    expect(pager.state().ids).toHaveLength(22)
    expect(pager.state().fresh).toBe(0)
  })

  test('far from the visible ones are discarded, and read again when they become visible', async () => {
    const { pager, reads } = tableOf(3_000, 'newest', 400)
    for (let page = 0; page < 30; page++) await pager.more()
    await pager.see(2_900, 2_920)
    expect(pager.tasks.size).toBeLessThanOrEqual(400)
    expect(pager.tasks.get(pager.state().ids[0]!)).toBeUndefined()
    const before = reads.length
    await pager.see(0, 20)
    expect(pager.tasks.get(pager.state().ids[0]!)).toBeDefined()
    expect(reads.slice(before)).toEqual([undefined])
    await pager.see(0, 20)
    expect(reads).toHaveLength(before + 1)
  })

  test('stay when their tasks no longer match, and are kept up to date', async () => {
    const { pager, remove } = tableOf(100)
    await pager.more()
    const [first = ''] = pager.state().ids
    remove(first)
    await pager.refresh(0, 20)
    expect(pager.state().ids[0]).toBe(first)
    expect(pager.tasks.get(first)?.status).toBe('completed')
  })

  test('show why the next page could not be read, until it can', async () => {
    const { pager, fail } = tableOf(10)
    fail(new Error('away'))
    await pager.more()
    expect(pager.state()).toMatchObject({ error: new Error('away'), isLoading: false })
    fail(undefined)
    await pager.more()
    expect(pager.state()).toMatchObject({ error: null, isAtEnd: true })
  })
})

function tableOf(size: number, order: 'newest' | 'oldest' = 'newest', kept = 4_000) {
  const ids = Array.from({ length: size }, (_, index) => idOf(index))
  const reads: (string | undefined)[] = []
  let failure: Error | undefined
  const read = async (cursor: string | undefined): Promise<TaskPage> => {
    await Promise.resolve()
    reads.push(cursor)
    if (failure !== undefined) throw failure
    const sorted = order === 'newest' ? ids.toReversed() : ids
    const start = cursor === undefined ? 0 : sorted.indexOf(cursor) + 1
    const page = sorted.slice(start, start + 100)
    const next = start + 100 < sorted.length ? page.at(-1)! : null
    return {
      tasks: page.map((id) => ({ task_id: id, version: 1 }) as TaskStatus),
      next_cursor: next,
      search_limited: false,
    }
  }
  const add = (count: number) => {
    for (let more = 0; more < count; more++) ids.push(idOf(ids.length))
  }
  const fail = (error: Error | undefined) => (failure = error)
  const one = (id: string) => Promise.resolve({ task_id: id, version: 2, status: 'completed' } as TaskStatus)
  const remove = (id: string) => ids.splice(ids.indexOf(id), 1)
  return { remove, pager: new Pager({ page: read, one }, { order, now: () => 0, kept }), add, fail, reads }
}

function idOf(index: number): string {
  return `id-${String(index).padStart(6, '0')}`
}
