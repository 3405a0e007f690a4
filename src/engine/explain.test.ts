import { expect, test } from 'vitest'
import { runningTask } from '../../test/support/fake-manager.ts'
import { positionLimit, reasonCodes } from '../core/reason.ts'
import type { Task } from '../core/task.ts'
import type { BucketState } from '../store/limit-store.ts'
import { explained, type QueueFacts } from './explain.ts'

const idle: QueueFacts = {
  now: 10_000,
  counts: { byType: { long: { queued: 1 } }, fencedOff: {}, held: {} },
  nodes: { ready: true, slots: 2, slotsInUse: 0, types: ['long'] },
  workers: null,
  concurrency: null,
  ahead: 0,
  predecessors: [],
  children: { count: 2, tasks: [{ ...runningTask, id: 'child', status: 'queued' }] },
  limits: [],
  startRate: 0,
  duration: null,
}
const bucket: BucketState = {
  name: 'api',
  key: 'acme',
  concurrency: 2,
  rate: null,
  scope: 'global',
  running: 0,
  holders: [],
  nextStartAt: null,
  ahead: 0,
  isFull: true,
}
const slow = { ...bucket, concurrency: null, rate: { limit: 1, per: 1_000 }, nextStartAt: 10_500 }
const full = { ...idle, nodes: { ...idle.nodes, slotsInUse: 2 } }
const queued: Partial<Task> = { status: 'queued' }
const many = { ...idle.counts, byType: { long: { queued: 50_000 } } }

const cases: readonly [string, Partial<Task>, QueueFacts, number | null, number | null][] = [
  ['predecessors', { status: 'waiting', missing: 2 }, idle, null, null],
  ['paused predecessors', { status: 'paused', missing: 1 }, idle, null, null],
  ['sleeping', { status: 'waiting', missing: 0, runAt: 12_500 }, idle, null, 2_500],
  [
    'answer',
    { status: 'waiting', missing: 0, runAt: null, awaits: { seen: 0, waits: ['ok'] } },
    idle,
    null,
    null,
  ],
  [
    'answer',
    { status: 'waiting', missing: 0, runAt: 12_500, awaits: { seen: 0, waits: ['ok'] } },
    idle,
    null,
    2_500,
  ],
  [
    'children',
    { status: 'waiting', missing: 0, runAt: null, awaits: { seen: 0, waits: [], children: 2 } },
    idle,
    null,
    null,
  ],
  [
    'answer children',
    { status: 'waiting', missing: 0, runAt: null, awaits: { seen: 0, waits: ['ok'], children: 2 } },
    idle,
    null,
    null,
  ],
  [
    'children sleeping',
    { status: 'waiting', missing: 0, runAt: 12_500, awaits: { seen: 0, waits: [], children: 2 } },
    idle,
    null,
    2_500,
  ],
  [
    'paused answer',
    {
      status: 'paused',
      runAt: null,
      attemptOpen: true,
      sleeps: { over: 0, after: [] },
      news: 1,
      awaits: { seen: 1, waits: ['ok'] },
    },
    idle,
    null,
    null,
  ],
  [
    'paused sleeping',
    { status: 'paused', runAt: 12_500, attemptOpen: true, sleeps: { over: 0, after: [0] } },
    idle,
    null,
    null,
  ],
  ['due_later', { status: 'scheduled', runAt: 12_500 }, idle, null, 2_500],
  ['retry_later', { status: 'scheduled', runAt: 11_000, failures: 1 }, idle, null, 1_000],
  ['due_later expires', { status: 'scheduled', runAt: 12_500, expiresAt: 13_000 }, idle, null, 2_500],
  ['paused', { status: 'paused', expiresAt: 11_000 }, idle, null, null],
  ['pause_point', { status: 'pausing' }, idle, null, null],
  ['stopping', { status: 'cancelling' }, idle, null, null],
  ['running', { status: 'running' }, idle, null, null],
  ['ended', { status: 'failed' }, idle, null, null],
  ['about_to_start', queued, idle, 1, 0],
  ['no_free_slot', queued, full, 1, null],
  ['limit_full', queued, { ...idle, limits: [{ ...bucket, running: 2 }] }, 1, null],
  ['limit_full', queued, { ...idle, duration: 300, limits: [{ ...bucket, running: 2, ahead: 4 }] }, 1, 900],
  ['rate_limit', queued, { ...idle, limits: [{ ...slow, ahead: 2 }] }, 1, 2_500],
  ['no_free_slot others_first', queued, { ...full, ahead: 4, startRate: 0.001 }, 5, 5_000],
  ['no_free_slot others_first', queued, { ...full, ahead: 4, duration: 300 }, 5, 900],
  [
    'no_free_slot others_first',
    queued,
    { ...full, counts: many, ahead: positionLimit, startRate: 1 },
    10_001,
    50_001,
  ],
  ['suspect', { ...queued, crashes: 2 }, idle, 1, null],
  ['no_slots', queued, { ...idle, nodes: { ...idle.nodes, slots: 0 }, startRate: 1 }, 1, null],
  ['no_worker', queued, { ...idle, nodes: { ...idle.nodes, slots: 0 }, workers: 0, startRate: 1 }, 1, null],
  [
    'waits_for_worker',
    queued,
    { ...idle, nodes: { ...idle.nodes, slots: 0 }, workers: 3, duration: 9 },
    1,
    null,
  ],
  ['node_stopping', queued, { ...idle, nodes: { ...idle.nodes, ready: false } }, 1, null],
  ['type_unknown', queued, { ...idle, nodes: { ...idle.nodes, types: [] } }, 1, null],
  [
    'type_held',
    queued,
    { ...idle, counts: { ...idle.counts, held: { long: { since: 0, by: 'api', reason: null } } } },
    1,
    null,
  ],
  [
    'concurrency_limit',
    queued,
    {
      ...idle,
      concurrency: 2,
      counts: { byType: { long: { running: 1 } }, fencedOff: { long: 1 }, held: {} },
      duration: 100,
    },
    1,
    100,
  ],
]

test.each(cases)('%s', (codes, own, facts, position, startsIn) => {
  const found = explained({ ...runningTask, ...own }, facts)
  expect(found.reasons.map(({ code }) => code).join(' ')).toBe(codes)
  expect(found).toMatchObject({ position, startsIn })
  for (const { message } of found.reasons) expect(message).toMatch(/^[A-Z\d].*\.$/)
})

test('every reason has its case', () => {
  const seen = new Set(cases.flatMap(([codes]) => codes.split(' ')))
  expect([...seen].toSorted()).toEqual([...reasonCodes].toSorted())
})
