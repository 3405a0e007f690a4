import { BackupUnsupported } from '../../src/core/errors.ts'
import { Access } from '../../src/access/access.ts'
import { systemClock } from '../../src/execution/executors/system-clock.ts'
import { MemoryKeys } from '../../src/store/memory/keys.ts'
import { submitted } from '../../src/core/transition.ts'
import type { Task } from '../../src/core/task.ts'
import type { TaskEvent } from '../../src/journal/event.ts'
import type { Operation } from '../../src/core/operation.ts'
import type { Change } from '../../src/engine/all-events.ts'
import type { TaskManagerApi } from '../../src/engine/api.ts'
import type { LimitsApi } from '../../src/engine/limits.ts'
import type { SchedulesApi } from '../../src/engine/schedules-api.ts'
import type { WaitsApi } from '../../src/engine/waits.ts'
import type { WebhooksApi } from '../../src/engine/webhooks.ts'
import type { WorkersApi } from '../../src/engine/workers-api.ts'
import { noDelay } from '../../src/execution/executors/loop-watch.ts'
import { builtinTypes } from '../../src/registry/builtin/index.ts'
import { Registry } from '../../src/registry/registry.ts'
import { CommitMetrics, type TaskRecord } from '../../src/store/store.ts'

/** An engine with one running task that does what a test tells it. */
export function fakeManager(does: Partial<TaskManagerApi> = {}): TaskManagerApi {
  const manager: TaskManagerApi = {
    as: () => manager,
    access: openAccess(),
    schedules: {} as SchedulesApi,
    workers: { list: async () => [] } as Partial<WorkersApi> as WorkersApi,
    learn: async () => {},
    limits: {} as LimitsApi,
    webhooks: {} as WebhooksApi,
    waits: { list: async () => ({ waits: [], next: null }) } as Partial<WaitsApi> as WaitsApi,
    registry: new Registry(builtinTypes),
    state: { id: 'node', phase: 'ready', maxConcurrent: 1, slotsInUse: 1, parked: 0, loop: calm },
    enqueue: async () => ({ task: runningTask, replayed: false }),
    resolve: async (text) => text,
    brief: async () => runningRecord,
    details: async () => runningRecord,
    control: async () => runningTask,
    events: () => eventsOf([]),
    log: async () => [],
    steps: async () => ({ steps: [], next: null }),
    family: async () => ({
      parent: null,
      children: { byStatus: {}, tasks: [], nextCursor: null },
      predecessors: [],
      successors: [],
    }),
    trouble: async () => null,
    counts: async () => ({ byType: {}, fencedOff: {}, held: {} }),
    enqueueAll: async () => [{ task: runningTask, replayed: false }],
    ended: () => new Promise(() => {}),
    now: Date.now,
    changes: () => changesOf([]),
    runs: async () => ({ runs: [], from: 0, until: 1, limited: false }),
    failures: async () => ({ groups: [], start: 0, step: 1, limited: false }),
    list: async () => ({ tasks: [{ ...runningRecord, cut: null }], nextCursor: null, searchLimited: false }),
    explain: async () => ({ task: runningTask, reasons: [], position: null, limits: [], startsIn: null }),
    purge: async () => {},
    hold: async () => {},
    bulk: async () => operation,
    operation: async () => operation,
    cancelOperation: async () => operation,
    audit: async () => ({ entries: [], nextCursor: null }),
    stats: async () => ({
      counts: { byType: {}, fencedOff: {}, held: {} },
      node: { id: 'node', phase: 'ready', maxConcurrent: 1, slotsInUse: 1, parked: 0, loop: calm },
      nodes: { alive: 1, slots: 1, slotsInUse: 1 },
      rates: { minute: noRates, fiveMinutes: noRates, hour: noRates },
      expected: {},
    }),
    history: async () => ({
      step: 10_000,
      covered: 0,
      happened: { submitted: [0], started: [0], completed: [0], failed: [0], cancelled: [0], retried: [0] },
      tasks: { scheduled: [0], queued: [0], running: [1], paused: [0] },
      marks: [],
      durations: null,
    }),
    metrics: async () => ({
      tasks: null,
      types: new Map(),
      commits: new CommitMetrics(),
      leaseAge: null,
      leasesLost: 0,
      remoteWorkers: 0,
      deliveries: { delivered: 0, retried: 0, dead: 0 },
    }),
    backup: () => Promise.reject(new BackupUnsupported()),
    nodes: async () => [],
    ...does,
  }
  return manager
}

const calm = noDelay()
/** Everyone may call. */
export function openAccess(): Access {
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const keys = new MemoryKeys({ now: Date.now })
  return new Access({ keys, clock: systemClock, logger, now: Date.now, shared: false })
}

const noRates = { submitted: 0, started: 0, completed: 0, failed: 0, cancelled: 0, retried: 0 }

const operation: Operation = {
  id: 'operation',
  action: 'cancel',
  filter: {},
  by: 'anonymous',
  callerId: null,
  reason: null,
  dryRun: false,
  status: 'completed',
  node: 'node',
  createdAt: 0,
  endedAt: 0,
  matched: 0,
  changed: 0,
  unchanged: 0,
  refused: 0,
  error: null,
}

export async function* changesOf(changes: Iterable<Change>): AsyncGenerator<Change> {
  yield* changes
}

export async function* eventsOf(events: Iterable<TaskEvent>): AsyncGenerator<TaskEvent> {
  yield* events
}

const { task, entry } = submitted(
  {
    id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
    type: 'long',
    parameters: '{}',
    priority: 0,
    runAt: null,
    delay: null,
    timeout: null,
    maxAttempts: 1,
    backoff: { base: 1_000, factor: 2, max: 60_000, jitter: 0.2 },
    tags: [],
    idempotencyKey: null,
    requestHash: null,
    trace: null,
  },
  { now: 1_000_000, nextQueuePosition: () => 1, by: 'anonymous' },
)

export const runningTask: Task = { ...task, status: 'running', version: 2, attempt: 1, startedAt: 1_000_000 }

export const runningRecord: TaskRecord = {
  task: runningTask,
  parameters: '{}',
  checkpoint: null,
  result: null,
  timeline: [entry],
}
