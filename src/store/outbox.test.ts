import { expect, test } from 'vitest'
import { deliveryCountOf, type TaskEvent } from '../core/webhook.ts'
import { packed, unpacked } from './outbox.ts'

const plain: TaskEvent = {
  to: ['wh_a'],
  callback: null,
  id: 'task-1',
  type: 'work',
  status: 'queued',
  version: 1,
  at: 5,
  tags: [],
  error: null,
}
const events: readonly TaskEvent[] = [
  plain,
  { ...plain, id: 'task-2', at: 6, to: ['wh_a', 'wh_b'], tags: ['x', '\0"'] },
  {
    ...plain,
    id: 'task-2',
    at: 7,
    to: [],
    status: 'failed',
    version: 3,
    error: { code: 'BOOM', message: 'boom' },
    callback: { url: 'https://a.example/x', origin: 'https://a.example' },
  },
]

test('packed events are the same when they are unpacked', () => {
  const [row, ...others] = packed(events)
  expect(others).toEqual([])
  expect(row).toMatchObject({ deliveries: 4, at: 7 })
  expect(unpacked(row!.body)).toEqual(events)
})

test('many events are split into rows, in order, and each row knows how many deliveries it becomes', () => {
  const many = Array.from({ length: 1_000 }, (_, index) => ({ ...events[index % 3]!, version: index }))
  const rows = packed(many)
  expect(rows.length).toBeGreaterThan(3)
  expect(rows.flatMap(({ body }) => unpacked(body))).toEqual(many)
  for (const { body, deliveries } of rows) {
    const counts = unpacked(body).map((event) => deliveryCountOf(event))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(deliveries)
    expect(deliveries).toBeLessThanOrEqual(251)
  }
  expect(packed([])).toEqual([])
})
