import { expect, test } from 'vitest'
import type { Outcome, Settlement } from '../../src/core/outcome.ts'
import type { NodeId, Control, Submission, Task, TaskId } from '../../src/core/task.ts'
import type { Move } from '../../src/core/transition.ts'
import type {
  Claimed,
  Command,
  Controlled,
  ReapOptions,
  Settled,
  Store,
  TaskRecord,
  TypeLimit,
} from '../../src/store/store.ts'
import { Audit } from '../support/audit.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { node, fromApi, submission } from '../support/tasks.ts'
import type { Backend, StoreKind } from './stores.ts'

/**
 * One store with one live node, and short forms of the store's verbs for most tests. Each short form is followed by an
 * audit. Tests that need a full form use `store`.
 */
export class Scene implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly audit: Audit
  readonly #backend: Backend
  #store: Store | undefined
  #nodes = 0
  readonly #started: NodeId[] = []
  #tasks = 0

  private constructor(backend: Backend) {
    this.#backend = backend
    this.audit = new Audit(() => this.store)
  }

  static async open(kind: StoreKind): Promise<Scene> {
    const scene = new Scene(await kind.open())
    await scene.reopen()
    await scene.startNode()
    return scene
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error('the scene has no open store')
    return this.#store
  }

  /** The live node. */
  get node(): NodeId {
    return `node-${this.#nodes}`
  }

  /**
   * Restarts the node; the tasks of the previous one are left to the reaper. In a shared store, the previous one ends, as
   * when its lease expires.
   */
  async startNode(): Promise<NodeId> {
    if (this.store.capabilities.lease !== null) {
      for (const earlier of this.#started) await this.store.endNode(earlier)
    }
    return this.joinNode(`node-${++this.#nodes}`)
  }

  async joinNode(id: NodeId): Promise<NodeId> {
    await this.store.startNode(node(id))
    this.#started.push(id)
    return id
  }

  /** False if the lease has expired. */
  async renew(id: NodeId): Promise<boolean> {
    const renewed = this.#backend.renew?.(id, this.clock.now())
    return renewed ?? expect.unreachable('only a shared store has leases')
  }

  async isListed(id: NodeId): Promise<boolean> {
    return (await this.store.nodes()).some((node) => node.id === id)
  }

  /** A second store on the same database, if it is shared. */
  another(): Promise<Store> {
    return this.#backend.open(this.clock)
  }

  async close(): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]()
    this.#store = undefined
  }

  async reopen(): Promise<void> {
    await this.close()
    this.#store = await this.#backend.open(this.clock)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await this.#backend[Symbol.asyncDispose]()
  }

  /** A type that no task has but the next one. */
  ownType(): string {
    return `type-${this.#tasks + 1}`
  }

  draft(own: Partial<Submission> = {}): Submission {
    this.#tasks += 1
    const drafted = submission({ id: `task-${this.#tasks}`, ...own })
    this.audit.watch(drafted.id)
    return drafted
  }

  async submit(own: Partial<Submission> = {}): Promise<Task> {
    const answer = await this.store.submit([this.draft(own)], fromApi)
    await this.audit.check()
    if (answer.kind !== 'accepted') return expect.unreachable(`the submit was answered with ${answer.kind}`)
    return one(answer.tasks).task
  }

  /** Submits one batch, in this order. */
  async submitAll(...own: Partial<Submission>[]): Promise<Task[]> {
    const answer = await this.store.submit(
      own.map((each) => this.draft(each)),
      fromApi,
    )
    await this.audit.check()
    if (answer.kind !== 'accepted') return expect.unreachable(`the submit was answered with ${answer.kind}`)
    return answer.tasks.map(({ task }) => task)
  }

  async claim(limit = 100, types: readonly TypeLimit[] = [anyNumberOf('work')]): Promise<readonly Claimed[]> {
    const claimed = await this.store.claim({ node: this.node, limit, types })
    await this.audit.check()
    return claimed
  }

  /** Claims this task, which must be the only queued one of its type. */
  async claimOne(task: Pick<Task, 'id' | 'type'>): Promise<Claimed> {
    const claimed = one(await this.claim(1, [anyNumberOf(task.type)]))
    expect(claimed.task.id).toBe(task.id)
    return claimed
  }

  async control(
    control: Control,
    { id }: Pick<Task, 'id'>,
    more: Partial<Command> = {},
  ): Promise<Controlled> {
    const answers = await this.store.control([{ id, control, by: 'api', ...more }])
    await this.audit.check()
    return one(answers)
  }

  /** Settles the run with this fence, as the node that owns the task. */
  async settle(
    { id, fence, ownerNode }: Pick<Task, 'id' | 'fence' | 'ownerNode'>,
    outcome: Outcome,
    more: Partial<Settlement> = {},
  ): Promise<Settled> {
    const settlement = { id, fence, outcome, activeMs: 0, ...more }
    const answers = await this.store.settle(ownerNode ?? this.node, [settlement])
    await this.audit.check()
    return one(answers)
  }

  async promote(limit = 100): Promise<readonly Move[]> {
    const { moved } = await this.store.promote(limit)
    await this.audit.check()
    return moved
  }

  async expire(limit = 100): Promise<readonly Move[]> {
    const { moved } = await this.store.expire(limit)
    await this.audit.check()
    return moved
  }

  async reap(options: Partial<ReapOptions> = {}): Promise<readonly Move[]> {
    const moved = await this.store.reap({ poisonLimit: 3, ...options })
    await this.audit.check()
    return moved
  }

  async task({ id }: { id: TaskId }): Promise<Task> {
    return (await this.record({ id })).task
  }

  async record({ id }: { id: TaskId }): Promise<TaskRecord> {
    return (await this.store.read(id)) ?? expect.unreachable(`there is no task ${id}`)
  }
}

export type Test = (title: string, body: (scene: Scene) => Promise<void>) => void

/** Tests on one kind of store: each gets its own scene, with a final audit. */
export function testsOn(kind: StoreKind): Test {
  return (title, body) =>
    test(title, async () => {
      await using scene = await Scene.open(kind)
      await body(scene)
      await scene.audit.check()
    })
}

export function anyNumberOf(type: string): TypeLimit {
  return { type, concurrency: null }
}

/** The only element of a list. */
export function one<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1)
  return list[0] as T
}
