import type { NewEntry } from '../../core/audit.ts'
import type { TaskLimit } from '../../core/admission.ts'
import {
  afterStart,
  bucketOf,
  laneOf,
  laneText,
  limitOf,
  nextStart,
  priorityNow,
  setByApi,
  startsNow,
  turnLength,
  type Limit,
} from '../../core/limits.ts'
import { isActive, type NodeId, type Task } from '../../core/task.ts'
import {
  holdersNamed,
  isSameLimit,
  mostCounted,
  type BucketOptions,
  type BucketState,
  type BucketUse,
  type LimitStore,
  type LimitUse,
} from '../limit-store.ts'

/** What the limits use of the store. */
export type LimitSource = Readonly<{
  now(): number
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  tasks(): readonly Task[]
  /** What fenced-off code holds. */
  fencedOff(): readonly Readonly<{ id: string; node: NodeId; limits: readonly TaskLimit[] }>[]
  audit(entry: NewEntry | undefined): void
}>

type Turn = { priority: number; turn: number }

/** A queued task that a claim could take. `turn`: null without a fairness key. */
export type Startable = Readonly<{ task: Task; priority: number; turn: number | null }>

/**
 * The limits of the memory store, and the turns of fairness keys. It looks at all tasks for each question, and at all lanes for each
 * task that a claim takes.
 */
export class MemoryLimits implements LimitStore {
  readonly #store: LimitSource
  readonly #limits = new Map<string, Limit>()
  /** By bucket, and by node for limits of each node: see `startsNow`. */
  readonly #earliest = new Map<string, number>()
  /** By the text of the lane. */
  readonly #lanes = new Map<string, Turn>()
  /** By priority: the turn that started last. */
  readonly #rounds = new Map<number, number>()
  /** By priority and fairness key: when its next turn begins. */
  readonly #turns = new Map<string, number>()
  #wakesAt: number | null = null

  constructor(store: LimitSource) {
    this.#store = store
  }

  get wakesIn(): number | null {
    return this.#wakesAt === null ? null : Math.max(0, this.#wakesAt - this.#store.now())
  }

  put(limit: Limit, audit?: NewEntry): Promise<'created' | 'changed' | 'unchanged'> {
    return this.#store.write(() => {
      const before = this.#limits.get(limit.name)
      if (before !== undefined && isSameLimit(before, limit)) return 'unchanged'
      this.#limits.set(limit.name, limit)
      this.#store.audit(audit)
      return before === undefined ? 'created' : 'changed'
    })
  }

  declare(limits: readonly Limit[]): Promise<void> {
    return this.#store.write(() => {
      for (const limit of limits)
        if (this.#limits.get(limit.name)?.origin !== setByApi) this.#limits.set(limit.name, limit)
    })
  }

  remove(name: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      if (!this.#limits.delete(name)) return false
      this.#store.audit(audit)
      return true
    })
  }

  async list(): Promise<readonly LimitUse[]> {
    this.#store.mustBeOpen()
    return [...this.#limits.values()].sort(byName).map((limit) => {
      const buckets = this.#known(limit.name)
      const running = buckets.reduce((sum, bucket) => sum + this.#held(bucket).length, 0)
      const blocked = buckets.filter((bucket) => this.#isBlocked(bucket)).length
      return { limit, running, buckets: buckets.length, blocked }
    })
  }

  async buckets(name: string, { after, limit, blocked, key }: BucketOptions): Promise<readonly BucketUse[]> {
    this.#store.mustBeOpen()
    if (key !== undefined) return [this.#use({ name, key })]
    return this.#known(name)
      .filter((bucket) => after === null || limitOf(bucket).key > after)
      .filter((bucket) => blocked !== true || this.#isBlocked(bucket))
      .slice(0, limit)
      .map((bucket) => this.#use(limitOf(bucket)))
  }

  async explain({ admission, queuePosition }: Task): Promise<readonly BucketState[]> {
    this.#store.mustBeOpen()
    return (admission?.limits ?? []).map((limit): BucketState => {
      const bucket = bucketOf(limit)
      const { running, nextStartAt } = this.#use(limit)
      const known = this.#limits.get(limit.name)
      const { concurrency = null, rate = null, scope = 'global' } = known ?? {}
      const holders = [...new Set(this.#held(bucket).map(({ id }) => id))].sort().slice(0, holdersNamed)
      const ahead = this.#queuedIn(bucket).filter((task) => task.queuePosition < queuePosition).length
      const isFull = (concurrency !== null && running >= concurrency) || nextStartAt !== null
      return { ...limit, concurrency, rate, scope, running, holders, nextStartAt, ahead, isFull }
    })
  }

  /** On some node, beside these others: a limit of each node is not looked at. */
  mayStart({ admission }: Task, others: readonly Task[]): boolean {
    return (admission?.limits ?? []).every((limit) => {
      const { concurrency = null, rate = null, scope } = this.#limits.get(limit.name) ?? {}
      if (scope === 'node') return true
      const bucket = bucketOf(limit)
      const more = others.filter((other) => names(other.admission?.limits ?? [], bucket)).length
      if (concurrency !== null && this.#held(bucket).length + more >= concurrency) return false
      const earliest = this.#earliest.get(this.#rateOf(limit, '')) ?? null
      return rate === null || startsNow(rate, earliest, this.#store.now()) > more
    })
  }

  maxQueued({ name }: TaskLimit): number | undefined {
    return this.#limits.get(name)?.maxQueued
  }

  /** The wall clock was set. */
  shift(by: number): void {
    for (const [name, at] of this.#earliest) this.#earliest.set(name, at + by)
  }

  /** Before a claim: lanes without tasks are gone, those with new ones have their turn. `queue`: by position. */
  refresh(queue: readonly Task[]): void {
    this.#wakesAt = null
    const first = new Map<string, Task>()
    for (const task of queue) {
      const lane = laneOf(task)
      if (lane !== undefined && !first.has(laneText(lane))) first.set(laneText(lane), task)
    }
    for (const lane of this.#lanes.keys()) if (!first.has(lane)) this.#lanes.delete(lane)
    for (const [lane, task] of first) {
      if (this.#lanes.get(lane)?.priority !== this.#priority(task)) this.#giveTurn(lane, task)
    }
  }

  /** The task that starts next, if one can. `candidates`: those whose type may run, in the order of the queue. */
  choose(candidates: readonly Task[], node: NodeId): Startable | undefined {
    const seen = new Set<string>()
    let hasPlain = false
    const free: Startable[] = []
    const keyed: (Startable & Readonly<{ turn: number }>)[] = []
    for (const task of candidates) {
      const lane = laneOf(task)
      if (lane === undefined) {
        // The others come after it.
        if (!hasPlain) free.push({ task, priority: task.priority, turn: null })
        hasPlain = true
        continue
      }
      const text = laneText(lane)
      if (seen.has(text)) continue
      seen.add(text)
      if (!lane.limits.every((limit) => this.#hasRoom(limit, node))) continue
      const { priority, turn } = this.#lanes.get(text)!
      if (lane.fairnessKey === null) free.push({ task, priority, turn: null })
      else keyed.push({ task, priority, turn })
    }
    const [oldest] = free.sort(inQueue)
    const [next] = keyed.sort(
      (a, b) => b.priority - a.priority || a.turn - b.turn || a.task.queuePosition - b.task.queuePosition,
    )
    if (oldest === undefined || next === undefined) return oldest ?? next
    if (next.priority !== oldest.priority) return next.priority > oldest.priority ? next : oldest
    const turn = this.#turnOf(next.priority, '')
    const isNext =
      next.turn < turn || (next.turn === turn && next.task.queuePosition < oldest.task.queuePosition)
    if (isNext) return next
    this.#begin(next.priority, turn)
    this.#turns.set(flow(next.priority, ''), turn + turnLength(1))
    return oldest
  }

  /** It starts. `following`: the next task of its lane. */
  started({ task, priority, turn }: Startable, node: NodeId, following: Task | undefined): void {
    const lane = laneOf(task)
    if (lane === undefined) return
    for (const limit of lane.limits) {
      const known = this.#limits.get(limit.name)
      if (known?.rate == null) continue
      const name = this.#rateOf(limit, node)
      this.#earliest.set(name, afterStart(known.rate, this.#earliest.get(name) ?? null, this.#store.now()))
    }
    if (turn !== null) this.#begin(priority, turn)
    if (following === undefined) this.#lanes.delete(laneText(lane))
    else if (turn !== null || this.#priority(following) !== priority)
      this.#giveTurn(laneText(lane), following)
  }

  #giveTurn(lane: string, task: Task): void {
    const priority = this.#priority(task)
    const { fairnessKey, weight } = task.admission!
    const turn = fairnessKey === null ? 0 : this.#turnOf(priority, fairnessKey)
    this.#lanes.set(lane, { priority, turn })
    if (fairnessKey !== null) this.#turns.set(flow(priority, fairnessKey), turn + turnLength(weight))
  }

  #turnOf(priority: number, key: string): number {
    return Math.max(this.#rounds.get(priority) ?? 1, this.#turns.get(flow(priority, key)) ?? 0)
  }

  #begin(priority: number, turn: number): void {
    this.#rounds.set(priority, Math.max(turn, this.#rounds.get(priority) ?? 1))
  }

  #priority(task: Task): number {
    return priorityNow(laneOf(task)!, task.statusSince, this.#store.now()).priority
  }

  #hasRoom(limit: TaskLimit, node: NodeId): boolean {
    const known = this.#limits.get(limit.name)
    if (known === undefined) return true
    const { concurrency, rate, scope } = known
    const held = this.#held(bucketOf(limit)).filter((one) => scope === 'global' || one.node === node)
    if (concurrency !== null && held.length >= concurrency) return false
    if (rate === null) return true
    const earliest = this.#earliest.get(this.#rateOf(limit, node)) ?? null
    if (startsNow(rate, earliest, this.#store.now()) > 0) return true
    const at = nextStart(rate, earliest, this.#store.now())
    this.#wakesAt = Math.min(at, this.#wakesAt ?? at)
    return false
  }

  /** Where the rate of this bucket is kept. */
  #rateOf(limit: TaskLimit, node: NodeId): string {
    const isPerNode = this.#limits.get(limit.name)?.scope === 'node'
    return JSON.stringify([bucketOf(limit), isPerNode ? node : ''])
  }

  #use(limit: TaskLimit): BucketUse {
    const bucket = bucketOf(limit)
    const { rate = null } = this.#limits.get(limit.name) ?? {}
    const earliest = this.#earliest.get(this.#rateOf(limit, '')) ?? null
    const now = this.#store.now()
    const next = rate === null ? now : nextStart(rate, earliest, now)
    return {
      key: limit.key,
      running: this.#held(bucket).length,
      queued: Math.min(mostCounted, this.#queuedIn(bucket).length),
      nextStartAt: next > now ? next : null,
    }
  }

  #isBlocked(bucket: string): boolean {
    const { concurrency = null } = this.#limits.get(limitOf(bucket).name) ?? {}
    const { running, queued, nextStartAt } = this.#use(limitOf(bucket))
    return queued > 0 && ((concurrency !== null && running >= concurrency) || nextStartAt !== null)
  }

  /** Who holds slots of the bucket. */
  #held(bucket: string): readonly Readonly<{ id: string; node: NodeId }>[] {
    const running = this.#store
      .tasks()
      .filter(({ status, admission }) => isActive(status) && names(admission?.limits ?? [], bucket))
      .map(({ id, ownerNode }) => ({ id, node: ownerNode! }))
    return [...running, ...this.#store.fencedOff().filter(({ limits }) => names(limits, bucket))]
  }

  #queuedIn(bucket: string): readonly Task[] {
    return this.#store
      .tasks()
      .filter(({ status, admission }) => status === 'queued' && names(admission?.limits ?? [], bucket))
  }

  /** Buckets of the limit that something holds or waits for, by key. */
  #known(name: string): string[] {
    const tasks = this.#store.tasks().filter(({ status }) => isActive(status) || status === 'queued')
    const all = [
      ...tasks.flatMap(({ admission }) => admission?.limits ?? []),
      ...this.#store.fencedOff().flatMap(({ limits }) => limits),
    ]
    return [...new Set(all.filter((limit) => limit.name === name).map(bucketOf))].sort()
  }
}

function names(limits: readonly TaskLimit[], bucket: string): boolean {
  return limits.some((limit) => bucketOf(limit) === bucket)
}

function inQueue(a: Startable, b: Startable): number {
  return b.priority - a.priority || a.task.queuePosition - b.task.queuePosition
}

function byName(a: Limit, b: Limit): number {
  return a.name < b.name ? -1 : 1
}

function flow(priority: number, key: string): string {
  return JSON.stringify([priority, key])
}
