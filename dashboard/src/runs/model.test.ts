import { expect, test } from 'vitest'
import type { Run } from '../data/shapes.ts'
import { RunModel, type TaskMoved } from './model.ts'

const event = (id: string, version: number, status: TaskMoved['status'], at: number) =>
  ({
    kind: 'transition',
    task_id: id,
    task_type: 't',
    version,
    at,
    event: 'claimed',
    status,
    attempt: 1,
    by: 'me',
  }) as TaskMoved
const read = (id: string, ...versions: readonly number[]): Run => ({
  task_id: id,
  task_type: 't',
  changes: versions.map((version) => ({
    version,
    at: version,
    event: 'claimed',
    status: 'running',
    attempt: 1,
  })),
})
const shown = (model: RunModel) =>
  Object.fromEntries(
    Array.from(model.runs, ({ task_id: id, changes }) => [id, changes.map(({ version }) => version)]),
  )

test('repeated events change nothing, and a burst of events notifies listeners once', () => {
  const model = new RunModel()
  let told = 0
  model.subscribe(() => (told += 1))
  model.replace([read('a', 1, 2)], 10)
  model.take(event('a', 2, 'running', 11))
  model.flush()
  expect(told).toBe(1)
  model.take(event('a', 3, 'completed', 12))
  model.take(event('b', 1, 'queued', 12))
  model.flush()
  expect([told, shown(model)]).toEqual([2, { a: [1, 2, 3], b: [1] }])
})

test('a read does not undo what happened after it was asked for, and forgets what it leaves out', () => {
  const model = new RunModel()
  model.replace([read('a', 1), read('gone', 1)], 10)
  model.take(event('a', 2, 'running', 12))
  model.take(event('new', 1, 'queued', 13))
  model.replace([read('a', 1)], 11)
  expect(shown(model)).toEqual({ a: [1, 2], new: [1] })
})

test('however many runs pass, those that ended first are forgotten', () => {
  const model = new RunModel()
  for (let index = 0; index < 6_000; index++) model.take(event(`${index}`, 1, 'completed', index))
  model.take(event('running', 1, 'running', 0))
  model.prune({ from: 0, to: 10_000 }, 10_000)
  expect(model.size).toBe(4_000)
  expect([model.get('0'), model.get('5999')?.task_id, model.get('running')?.task_id]).toEqual([
    undefined,
    '5999',
    'running',
  ])
})
