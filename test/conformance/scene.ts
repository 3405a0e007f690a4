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
 * One store with one living node, and the verbs of the store in the short forms that most tests need. What they do is
 * audited at once. A test that needs the full form takes `store`.
 */
export class Scene implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly audit: Audit
  readonly #place: Backend
  #store: Store | undefined
  #nodes = 0
  readonly #started: NodeId[] = []
  #tasks = 0

  private constructor(place: Backend) {
    this.#place = place
    this.audit = new Audit(() => this.store)
  }

  static async open(kind: StoreKind): Promise<Scene> {
    const scene = new Scene(await kind.place())
    await scene.reopen()
    await scene.startNode()
    return scene
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error('the scene has no open store')
    return this.#store
  }

  /** The node that lives. */
  get node(): NodeId {
    return `node-${this.#nodes}`
  }

  /**
   * The node starts anew: what its last node left is the reaper's. A store that nodes share hears of the end of that node,
   * as when its lease is over.
   */
  async startNode(): Promise<NodeId> {
    if (this.store.capabilities.lease !== null) {
      for (const earlier of this.#started) await this.store.endNode(earlier)
    }
    return this.joinNode(`node-${++this.#nodes}`)
  }

  /** A node starts, as the store knows it. */
  async joinNode(id: NodeId): Promise<NodeId> {
    await this.store.startNode(node(id))
    this.#started.push(id)
    return id
  }

  /** False if the lease has ended. */
  async renew(id: NodeId): Promise<boolean> {
    const renewed = this.#place.renew?.(id, this.clock.now())
    return renewed ?? expect.unreachable('only a store that nodes share has leases')
  }

  async isListed(id: NodeId): Promise<boolean> {
    return (await this.store.nodes()).some((node) => node.id === id)
  }

  async close(): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]()
    this.#store = undefined
  }

  async reopen(): Promise<void> {
    await this.close()
    this.#store = await this.#place.open(this.clock)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await this.#place[Symbol.asyncDispose]()
  }

  /** A type that only the next task has. */
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

  /** Several in one batch, in this order. */
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

  /** Claims this one and nothing else: it is the only queued task of its type. */
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

  /** Settles the run that holds this fence, by the node that the task names. */
  async settle(
    { id, fence, ownerNode }: Pick<Task, 'id' | 'fence' | 'ownerNode'>,
    outcome: Outcome,
    more: Partial<Settlement> = {},
  ): Promise<Settled> {
    const settlement = { id, fence, outcome, ranMs: 0, ...more }
    const answers = await this.store.settle(ownerNode ?? this.node, [settlement])
    await this.audit.check()
    return one(answers)
  }

  async promote(limit = 100): Promise<readonly Move[]> {
    const { moved } = await this.store.promote(limit)
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

/** Tests on one kind of store: each gets a scene of its own, which is audited once more at its end. */
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

/** The one member of a list that has no other. */
export function one<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1)
  return list[0] as T
}
