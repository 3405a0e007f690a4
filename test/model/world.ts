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

export type Picked = Pick<Task, 'id' | 'fence' | 'version' | 'ownerNode'> & Readonly<{ status?: Status }>

export type OccupiedSlot = Readonly<{ id: TaskId; fence: Fence; node: NodeId }>

/** The reference and a real store side by side, on one clock. Whatever is done is done to both, and compared. */
export class World implements AsyncDisposable {
  readonly clock: FakeClock
  /** Moves that were made, over all tasks. */
  readonly moves = new Set<string>()
  /** Code that was fenced off at some time. */
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

  /** Does it to both stores, expects the same answer, and looks at all tasks. */
  async both<Answer>(act: (store: Store) => Promise<Answer>): Promise<Answer> {
    const expected = await act(this.#reference)
    const answer = await act(this.#store)
    expectSame(answer, expected)
    const records = await this.#audit.check()
    const known = await Promise.all(records.map(({ task }) => this.#reference.read(task.id)))
    expect(byPlace(records), 'the order of the queue').toEqual(byPlace(known))
    for (const [index, record] of records.entries()) {
      expectSame(record, known[index])
      const newest = record.timeline.at(-1)
      if (newest !== undefined) this.moves.add(newest.event)
    }
    expectSame(await this.#store.counts(), await this.#reference.counts())
    expectSame(await livingOf(this.#store), await livingOf(this.#reference))
    return answer
  }

  /** The store goes by the clock of its process. */
  get ownsClock(): boolean {
    return this.#store.shared === null
  }

  newId(): TaskId {
    this.#submitted += 1
    const id = `task-${this.#submitted}`
    this.#audit.watch(id)
    return id
  }

  /** The newest node: the only one that may live. */
  get node(): NodeId {
    return `node-${this.#nodes}`
  }

  async startNode(): Promise<void> {
    // Where nodes share a store, a start ends no other: as when the lease of the one before is over.
    if (this.#nodes > 0 && this.#store.capabilities.lease !== null) {
      await this.both((store) => store.endNode(this.node))
    }
    this.#nodes += 1
    await this.both((store) => store.startNode(node(this.node)))
  }

  /**
   * Some task, chosen by a number, if possible among those that are `wanted`; one that is gone or was never made is an id
   * and nothing else.
   */
  async pick(choice: number, wanted: (task: Task) => boolean = () => true): Promise<Picked> {
    const tasks = await this.#tasks()
    const fitting = tasks.filter((task) => task !== null && wanted(task))
    const from = fitting.length > 0 ? fitting : tasks
    return from[choice % Math.max(1, from.length)] ?? { id: 'nobody', fence: 1, version: 1, ownerNode: null }
  }

  /** Places taken under the concurrency limit of the type, counted by hand. */
  async occupied(type: string): Promise<number> {
    const active = (await this.#tasks()).filter(
      (task) => task !== null && task.type === type && isActive(task.status),
    )
    const { fencedOff } = await this.#reference.counts()
    return active.length + (fencedOff[type] ?? 0)
  }

  #tasks(): Promise<(Task | null)[]> {
    return Promise.all(this.#audit.ids.map((id) => this.#reference.get(id)))
  }
}

/** All but the renewal, which not every store has. */
async function livingOf(store: Store): Promise<object[]> {
  return (await store.nodes()).map((node) => ({ ...node, renewedAt: null }))
}

/** A store may leave gaps between the places of its queue: what counts is their order, which is looked at by itself. */
function expectSame(actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  expect(withoutPlaces(actual)).toStrictEqual(withoutPlaces(expected))
}

function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    (name === 'queuePosition' || name === 'rowId') && typeof inner === 'number'
      ? inner > 0
      : withoutPlaces(inner),
  ])
  return Object.fromEntries(entries)
}

function byPlace(records: readonly (TaskRecord | null)[]): TaskId[] {
  const placed = records.filter((record) => record !== null && record.task.queuePosition > 0)
  return placed
    .toSorted((a, b) => (a?.task.queuePosition ?? 0) - (b?.task.queuePosition ?? 0))
    .map((record) => record?.task.id ?? '')
}
