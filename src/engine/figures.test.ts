import { expect, test } from 'vitest'
import { submitted } from '../core/transition.ts'
import type { Status, Task, TimelineEntry } from '../core/task.ts'
import type { FigureRow } from '../store/figure-store.ts'
import { submission } from '../../test/support/tasks.ts'
import { Figures } from './figures.ts'

const step = 300_000
const day = 86_400_000
const start = 10 * day

test('what several nodes and their restarts have counted adds up, on an axis of a day', async () => {
  const { stored, opened } = world()
  const [one, other] = [opened('one'), opened('other', '0.2.0')]
  count(one, 'completed', { activeMs: 100, queuedMs: 10 }, 3)
  count(other, 'completed', { activeMs: 400, queuedMs: 20 }, 1)
  count(other, 'failed', { activeMs: 5_000, queuedMs: 20 }, 1, 'else')
  one.figures.saw({ byType: { work: { queued: 7 } }, fencedOff: {}, held: {} })
  other.figures.saw({ byType: { work: { queued: 4, running: 1 } }, fencedOff: {}, held: {} })
  for (const { write } of [one, other]) await write()
  stored.now += 2 * step
  const again = opened('again')
  count(again, 'completed', { activeMs: 100, queuedMs: 10 }, 1)
  await again.write()

  const all = await again.history()
  expect([all.step, all.covered, all.happened.completed.length]).toEqual([step, day - step + 1, 288])
  expect(all.happened.completed.slice(-3)).toEqual([4, 0, 1])
  expect(all.happened.failed.slice(-3)).toEqual([1, 0, 0])
  expect(all.tasks.queued.slice(-3)).toEqual([7, null, null])
  expect(all.tasks.running.slice(-3)).toEqual([1, null, null])
  expect(all.marks.map(({ id, at, version }) => [id, at, version])).toEqual([
    ['one', start + 1, '0.1.0'],
    ['other', start + 1, '0.2.0'],
    ['again', start + 1 + 2 * step, '0.1.0'],
  ])
  expect(all.durations).toBeNull()
  const { durations, happened, marks } = await again.history('work')
  expect(happened.completed.slice(-3)).toEqual([4, 0, 1])
  expect(durations?.run.count).toBe(5)
  expect(durations?.run.quantile(0.5)).toBeCloseTo(100, -1)
  expect(durations?.queue.quantile(0.99)).toBeCloseTo(20, -1)
  expect(marks).toEqual([])
  // The same, read by another node.
  expect((await one.history('work')).durations?.run.buckets).toEqual(durations?.run.buckets)
})

test('what is not written yet counts once, before, while and after it is written', async () => {
  const { opened } = world()
  const node = opened('one')
  const done = async () => (await node.history('work')).happened.completed.at(-1)
  count(node, 'completed', {}, 2)
  expect(await done()).toBe(2)
  const write = node.write()
  count(node, 'completed', {}, 1)
  expect(await done()).toBe(3)
  await write
  expect(await done()).toBe(3)
  expect((await node.write()).length).toBe(2)
  expect(await done()).toBe(3)
  expect((await node.write()).length).toBe(0)
})

test('a write that fails is repeated, and replaces what may have been written', async () => {
  const { stored, opened } = world()
  const node = opened('one')
  count(node, 'completed', {}, 2)
  await expect(
    node.figures.write((rows) => {
      stored.put(rows)
      return Promise.reject(new Error('the answer was lost'))
    }),
  ).rejects.toThrow('the answer was lost')
  stored.now += step
  count(node, 'completed', {}, 1)
  await node.write()
  expect((await node.history('work')).happened.completed.slice(-2)).toEqual([2, 1])
  expect((await opened('two').history('work')).happened.completed.slice(-2)).toEqual([2, 1])
})

test('a clock that is set back makes no step lose what was counted', async () => {
  const { stored, opened } = world()
  const node = opened('one')
  for (const turn of [0, step, -step, 0]) {
    stored.now += turn
    count(node, 'completed', {}, 1)
    await node.write()
  }
  stored.now += step
  expect((await node.history('work')).happened.completed.slice(-2)).toEqual([3, 1])
})

test('while nothing can be written, memory is bounded, and what is older than a day is not asked for', async () => {
  const { stored, opened } = world()
  const node = opened('one')
  for (let turn = 0; turn < 30; turn++) {
    stored.now += step
    count(node, 'completed', {}, 1)
  }
  const rows = await node.write()
  expect(new Set(rows.map((row) => row.step)).size).toBe(24)
  expect(stored.oldest).toBe(stored.now - day - step)
})

/** A store for several nodes, whose clock is set by hand. */
function world() {
  const rows = new Map<string, FigureRow>()
  const stored = {
    now: start + 1,
    oldest: 0,
    put(written: readonly FigureRow[]) {
      for (const row of written) rows.set(`${row.step} ${row.writer} ${row.type}`, row)
    },
  }
  const opened = (id: string, version = '0.1.0') => {
    const figures = new Figures(
      () => ({ id, version }),
      () => stored.now,
    )
    figures.start()
    return {
      figures,
      async write() {
        let written: readonly FigureRow[] = []
        await figures.write(async (changed, oldest) => {
          stored.oldest = oldest
          await Promise.resolve()
          stored.put((written = changed))
        })
        return written
      },
      history: (type?: string) =>
        figures.history({ ms: day, ...(type === undefined ? {} : { type }) }, async (from, of) =>
          [...rows.values()].filter((row) => row.step >= from && row.type === of),
        ),
    }
  }
  return { stored, opened }
}

function count(
  { figures }: Readonly<{ figures: Figures }>,
  event: 'completed' | 'failed',
  more: Partial<Task>,
  times: number,
  type = 'work',
): void {
  const moment = { now: 0, nextQueuePosition: () => 1, by: 'api' }
  const { task } = submitted(submission({ id: 'one', type }), moment)
  const status: Status = event
  const entry: TimelineEntry = { version: 3, at: 0, event, status, attempt: 1, by: 'node' }
  for (let time = 0; time < times; time++) figures.note({ ...task, status, startedAt: 1, ...more }, entry)
}
