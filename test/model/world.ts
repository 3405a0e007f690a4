import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import {
  isActive,
  type NodeId,
  type Fence,
  type Status,
  type Task,
  type TaskId,
} from '../../src/core/task.ts'
import { openMemory } from '../../src/store/memory/store.ts'
import type { Store, TaskRecord } from '../../src/store/store.ts'
import { Audit } from '../support/audit.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { node } from '../support/tasks.ts'

export type Picked = Pick<Task, 'id' | 'fence' | 'version' | 'ownerNode' | 'news'> &
  Readonly<{ status?: Status }>

const nobody: Picked = { id: 'nobody', fence: 1, version: 1, ownerNode: null, news: 0 }

export type OccupiedSlot = Readonly<{ id: TaskId; fence: Fence; node: NodeId }>

/** The reference and a real store on the same clock. Every call goes to both, and the results are compared. */
export class World implements AsyncDisposable {
  readonly clock: FakeClock
  /** Moves made so far by any task. */
  readonly moves = new Set<string>()
  /** All code that was ever fenced off. */
  readonly fencedOff: OccupiedSlot[] = []
  readonly #reference: Store
  readonly #store: Store
  readonly #audit: Audit
  #submitted = 0
  #nodes = 0

  private constructor(clock: FakeClock, reference: Store, store: Store) {
    this.clock = clock
    this.#reference = reference
    this.#store = store
    this.#audit = new Audit(() => store)
  }

  static async open(openStore: (clock: Clock) => Promise<Store>): Promise<World> {
    const clock = new FakeClock(1_000)
    const world = new World(clock, await openMemory({ clock }), await openStore(clock))
    await world.startNode()
    return world
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reference[Symbol.asyncDispose]()
    await this.#store[Symbol.asyncDispose]()
  }

  /** Calls both stores, expects the same answer, and compares all tasks. */
  async both<Answer>(call: (store: Store) => Promise<Answer>): Promise<Answer> {
    const expected = await call(this.#reference)
    const answer = await call(this.#store)
    expectSame(answer, expected)
    const records = await this.#audit.check()
    const known = await Promise.all(records.map(({ task }) => this.#reference.read(task.id)))
    expect(queueOrder(records), 'the order of the queue').toEqual(queueOrder(known))
    for (const [index, record] of records.entries()) {
      expectSame(record, known[index])
      const { id } = record.task
      expectSame(await this.#store.steps(id, allSteps), await this.#reference.steps(id, allSteps))
      expectSame(await waitsOf(this.#store, id), await waitsOf(this.#reference, id))
      const newest = record.timeline.at(-1)
      if (newest !== undefined) this.moves.add(newest.event)
    }
    expectSame(await this.#store.counts(), await this.#reference.counts())
    expectSame(await liveNodesOf(this.#store), await liveNodesOf(this.#reference))
    expectSame(await bucketsOf(this.#store), await bucketsOf(this.#reference))
    return answer
  }

  /** Whether the store uses the clock of its process. */
  get ownsClock(): boolean {
    return this.#store.shared === null
  }

  newId(): TaskId {
    this.#submitted += 1
    const id = `task-${this.#submitted}`
    this.#audit.watch(id)
    return id
  }

  /** The newest node, the only one that may be alive. */
  get node(): NodeId {
    return `node-${this.#nodes}`
  }

  async startNode(): Promise<void> {
    // In a shared store, a start does not end other nodes: end the previous one, as when its lease expires.
    if (this.#nodes > 0 && this.#store.capabilities.lease !== null) {
      await this.both((store) => store.endNode(this.node))
    }
    this.#nodes += 1
    await this.both((store) => store.startNode({ ...node(this.node), slots: 3, types: ['a', 'b'] }))
  }

  /**
   * A task chosen by a number, from those that are `wanted` if there are any. For a task that was deleted or never existed,
   * only an id.
   */
  async pick(choice: number, wanted: (task: Task) => boolean = () => true): Promise<Picked> {
    const tasks = await this.#tasks()
    const fitting = tasks.filter((task) => task !== null && wanted(task))
    const from = fitting.length > 0 ? fitting : tasks
    return from[choice % Math.max(1, from.length)] ?? nobody
  }

  /** Slots in use under the concurrency limit of the type, counted from the tasks. */
  async occupied(type: string): Promise<number> {
    const active = (await this.#tasks()).filter(
      (task) => task !== null && task.type === type && isActive(task.status),
    )
    const { fencedOff } = await this.#reference.counts()
    return active.length + (fencedOff[type] ?? 0)
  }

  /** What these claimed tasks run beside: no more tasks than each of their limits allows, on all nodes or on theirs. */
  async mustFit(claimed: readonly Task[]): Promise<void> {
    if (claimed.every(({ admission }) => admission === null)) return
    const tasks = (await this.#tasks()).filter((task) => task !== null && isActive(task.status))
    const limits = new Map((await this.#reference.limits.list()).map(({ limit }) => [limit.name, limit]))
    for (const { admission, ownerNode } of claimed) {
      for (const { name, key } of admission?.limits ?? []) {
        const { concurrency = null, scope } = limits.get(name) ?? {}
        const running = tasks.filter(
          (task) =>
            task!.admission?.limits.some((one) => one.name === name && one.key === key) &&
            (scope === 'global' || task!.ownerNode === ownerNode),
        )
        expect(running.length, `tasks that run under ${name}/${key}`).toBeLessThanOrEqual(
          concurrency ?? Number.POSITIVE_INFINITY,
        )
      }
    }
  }

  #tasks(): Promise<(Task | null)[]> {
    return Promise.all(this.#audit.ids.map((id) => this.#reference.get(id)))
  }
}

const allSteps = { after: 0, limit: 1_000, bytes: 1_000_000 }

/** Waits of a task, without the number that orders them. */
async function waitsOf(store: Store, id: TaskId): Promise<object[]> {
  const query = { id, filter: {}, order: 'oldest', after: null, limit: 100, scan: 100 } as const
  const { waits } = await store.waits.list(query)
  return waits.map(({ task, wait }) => ({ id: task.id, wait }))
}

/** Live nodes without their time of renewal, which not every store has. A shared store shows at most the slots of a node as in use. */
async function liveNodesOf(store: Store): Promise<object[]> {
  return (await store.nodes()).map((node) => ({
    ...node,
    renewedAt: null,
    slotsInUse: Math.min(node.slots, node.slotsInUse),
  }))
}

/** What is in use under limits, and when rates allow the next start. What waits is known once a claim has looked. */
async function bucketsOf(store: Store): Promise<object> {
  const limits = await store.limits.list()
  return Promise.all(
    limits.map(async ({ limit, running }) => {
      const buckets = await store.limits.buckets(limit.name, { after: null, limit: 100 })
      const inUse = buckets.filter((bucket) => bucket.running > 0)
      return { limit, running, inUse: inUse.map((bucket) => ({ ...bucket, queued: 0 })) }
    }),
  )
}

/** A store may leave gaps between queue positions: only their order matters, and it is compared separately. */
function expectSame(actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  expect(withoutPositions(actual)).toStrictEqual(withoutPositions(expected))
}

function withoutPositions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPositions)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    (name === 'queuePosition' || name === 'rowId') && typeof inner === 'number'
      ? inner > 0
      : withoutPositions(inner),
  ])
  return Object.fromEntries(entries)
}

function queueOrder(records: readonly (TaskRecord | null)[]): TaskId[] {
  const queued = records.filter((record) => record !== null && record.task.queuePosition > 0)
  return queued
    .toSorted((a, b) => (a?.task.queuePosition ?? 0) - (b?.task.queuePosition ?? 0))
    .map((record) => record?.task.id ?? '')
}
