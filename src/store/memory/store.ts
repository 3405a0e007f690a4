import { cancelEntry, entryOf, holdEntry, operationEntry, type Audit } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import { childLimits, keptReason, mayStartChildren } from '../../core/child.ts'
import {
  awaitedReason,
  holdsBack,
  isOfJoin,
  isOfParent,
  linkOf,
  mustWaitFor,
  type Edge,
} from '../../core/dependency.ts'
import { StoreUnavailable } from '../../core/errors.ts'
import { choosePreemptions, urgentPriority } from '../../core/preemption.ts'
import { isExpired } from '../../core/expiry.ts'
import { operationBegun, type Operation } from '../../core/operation.ts'
import type { TaskLimit } from '../../core/admission.ts'
import { bucketOf, laneOf, laneText } from '../../core/limits.ts'
import { mustBeKept, type Settlement } from '../../core/outcome.ts'
import { isNamedBy, type IdPart } from '../../core/short-id.ts'
import {
  isActive,
  isSuspect,
  isTerminal,
  isAsleep,
  isQueuing,
  isUnstarted,
  type NodeId,
  type Fence,
  type Json,
  type Status,
  type Submission,
  type Task,
  type TaskId,
  type TimelineEntry,
} from '../../core/task.ts'
import * as rules from '../../core/transition.ts'
import { newsOf } from '../../core/wait.ts'
import { isReplaceable, keepsKey, uniqueName } from '../../core/unique.ts'
import { MemoryAudit } from './audit.ts'
import { appended } from './log.ts'
import { stepPage, withSteps } from './steps.ts'
import { MemoryKeys } from './keys.ts'
import { MemoryLimits } from './limits.ts'
import { MemorySchedules } from './schedules.ts'
import { MemoryWebhooks } from './webhooks.ts'
import { MemoryWorkers } from './workers.ts'
import { MemoryFigures } from './figures.ts'
import { MemoryJoins } from './joins.ts'
import { MemoryWaits } from './waits.ts'
import { MemoryNodes } from './nodes.ts'
import { MemoryOperations } from './operations.ts'
import { SteadyTime } from '../steady-time.ts'
import { endedPageOf, startOf } from '../ended-page.ts'
import { failedPageOf } from '../failed-page.ts'
import { pageOf, type Listed } from './page.ts'
import * as port from '../store.ts'

/**
 * The reference implementation: what every other store must return, in the simplest form. It scans all tasks for each
 * question, stores nothing, and is the oracle of the model test.
 */
export async function openMemory({ clock }: { clock: Clock }): Promise<port.Store> {
  return new MemoryStore(clock, null)
}

/** The same for nodes with leases, all within one process. The caller carries the signals between them. */
export async function openSharedMemory({
  clock,
  lease,
}: Readonly<{ clock: Clock; lease: number }>): Promise<SharedMemory> {
  return new MemoryStore(clock, lease)
}

export type SharedMemory = port.Store &
  Readonly<{
    /** Renews the lease of a node; false if it has ended. */
    renew(node: NodeId): Promise<boolean>
    /** Checks a submit as of now; its tasks exist once `commit` is called. */
    prepare(submissions: readonly Submission[], options: port.SubmitOptions): Promise<Prepared>
  }>

export type Prepared = Readonly<{ answer: port.Submitted; commit(): void }>

type Kept = Omit<Listed, 'parameters'> & {
  task: Task
  parameters: Json
  checkpoint: Json | null
  result: Json | null
  readonly timeline: TimelineEntry[]
  /** Others wait for its end. */
  isAwaited: boolean
  log: readonly port.NumberedLine[]
  steps: readonly port.NumberedStep[]
}

type Occupied = Readonly<{
  id: TaskId
  fence: Fence
  node: NodeId
  type: string
  limits: readonly TaskLimit[]
}>

class MemoryStore implements port.Store {
  readonly capabilities: port.Capabilities
  readonly commits = new port.CommitMetrics()
  readonly shared = null
  readonly backup = null
  readonly #time: SteadyTime
  /** In submission order. */
  readonly #tasks = new Map<TaskId, Kept>()
  readonly #nodes: MemoryNodes
  #fencedOff: Occupied[] = []
  /** Who has each unique key, by `uniqueName`. */
  readonly #keys = new Map<string, Readonly<{ id: TaskId; takenAt: number }>>()
  readonly #holds = new Map<string, port.Hold>()
  readonly #edges = new Map<TaskId, Edge[]>()
  readonly #operations = new MemoryOperations()
  readonly keys: MemoryKeys
  readonly audit: MemoryAudit
  readonly schedules: MemorySchedules
  readonly workers: MemoryWorkers
  readonly limits: MemoryLimits
  readonly webhooks: MemoryWebhooks
  readonly waits: MemoryWaits
  readonly figures: MemoryFigures
  readonly joins: MemoryJoins
  #number = 0
  #queuePosition = 0
  #closed = false

  constructor(clock: Clock, lease: number | null) {
    this.capabilities = { lease }
    this.#time = new SteadyTime(clock)
    this.#nodes = new MemoryNodes(this.#time, lease)
    this.audit = new MemoryAudit(this.#time)
    this.keys = new MemoryKeys(this.#time, (entry) => this.audit.add(entry))
    this.limits = new MemoryLimits({
      now: () => this.#time.now(),
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
      tasks: () => this.#all().map(({ task }) => task),
      fencedOff: () => this.#fencedOff,
      audit: (entry) => this.audit.add(entry),
    })
    this.schedules = new MemorySchedules({
      now: () => this.#time.now(),
      ago: (ms) => this.#time.ago(ms),
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
      tasks: () => this.#all().map(({ task }) => task),
      task: (id) => this.#tasks.get(id)?.task,
      audit: (entry) => this.audit.add(entry),
      prepare: (submissions, options) => this.#prepared(submissions, options),
    })
    this.webhooks = new MemoryWebhooks({
      now: () => this.#time.now(),
      ago: (ms) => this.#time.ago(ms),
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
      audit: (entry) => this.audit.add(entry),
    })
    this.waits = new MemoryWaits({
      now: () => this.#time.now(),
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
      task: (id) => this.#tasks.get(id)?.task,
      answered: (id, answer) => {
        const kept = this.#tasks.get(id)!
        return this.#move(kept, rules.informed(kept.task, this.#moment(), newsOf(answer)))
      },
      audit: (entry) => this.audit.add(entry),
    })
    this.figures = new MemoryFigures({
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
    })
    this.joins = new MemoryJoins({
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
      record: (id) => this.#tasks.get(id),
      edges: (parent) => this.#joinsOf(parent),
      drop: (edges) => {
        for (const edge of edges) this.#forget(edge.predecessor, [edge])
      },
      add: (edge) => this.#await(edge),
    })
    this.workers = new MemoryWorkers({
      time: this.#time,
      write: (run) => this.#write(run),
      mustBeOpen: () => this.#mustBeOpen(),
      tasks: () => this.#all().map(({ task }) => task),
      audit: (entry) => this.audit.add(entry),
    })
  }

  now(): number {
    return this.#time.now()
  }

  submit(submissions: readonly Submission[], options: port.SubmitOptions): Promise<port.Submitted> {
    return this.#write(() => {
      const { answer, commit } = this.#prepared(submissions, options)
      commit()
      return answer
    })
  }

  prepare(submissions: readonly Submission[], options: port.SubmitOptions): Promise<Prepared> {
    return this.#write(() => this.#prepared(submissions, options))
  }

  claim({ node, limit, types }: port.ClaimRequest): Promise<readonly port.Claimed[]> {
    return this.#write(() => {
      if (limit <= 0 || types.length === 0 || !this.#isAlive(node)) return []
      const free = types.filter(({ type }) => !this.#holds.has(type))
      const room = new Map(
        free.map(({ type, concurrency }) => [type, (concurrency ?? Infinity) - this.#occupied(type)]),
      )
      const queue = this.#all()
        .filter(({ task }) => task.status === 'queued')
        .sort((a, b) => b.task.priority - a.task.priority || a.task.queuePosition - b.task.queuePosition)
      const claimed: port.Claimed[] = []
      const active = this.#all().filter(({ task }) => task.ownerNode === node && isActive(task.status))
      let suspects = active.filter(({ task }) => isSuspect(task)).length
      this.limits.refresh(queue.map(({ task }) => task).sort((a, b) => a.queuePosition - b.queuePosition))
      while (claimed.length < limit) {
        const startable = queue.filter(({ task }) => !isExpired(task, this.#time.now()))
        const candidates = startable.filter(
          ({ task }) => (room.get(task.type) ?? 0) > 0 && !(isSuspect(task) && suspects > 0),
        )
        const next = this.limits.choose(
          candidates.map(({ task }) => task),
          node,
        )
        if (next === undefined) break
        const kept = queue.splice(
          queue.findIndex(({ task }) => task.id === next.task.id),
          1,
        )[0]!
        const { task, parameters, checkpoint } = kept
        if (isSuspect(task)) suspects += 1
        room.set(task.type, room.get(task.type)! - 1)
        const moved = this.#move(kept, rules.claimed(task, node, this.#moment()))
        const following = startable.find(
          ({ task: other }) => other.id !== task.id && areInOneLane(other, task),
        )
        this.limits.started(next, node, following?.task)
        claimed.push({ ...moved, previousFence: task.fence, parameters, checkpoint })
      }
      return claimed
    })
  }

  settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly port.Settled[]> {
    return this.#write(() => {
      for (const settlement of settlements) mustBeKept(settlement)
      return settlements.map((settlement): port.Settled => {
        const kept = this.#tasks.get(settlement.id)
        if (kept === undefined) return { verdict: 'superseded', task: null, entry: null }
        const settled = rules.settled(kept.task, settlement, node, this.#moment())
        if (settled.verdict !== 'settled') return { verdict: settled.verdict, task: kept.task, entry: null }
        const { id, fence, outcome, checkpoint, fencedOff } = settlement
        if (checkpoint !== undefined) kept.checkpoint = checkpoint
        kept.log = appended(kept.log, settlement.log)
        if (outcome.kind === 'completed') kept.result = outcome.result
        if (fencedOff === true) {
          const { type, admission } = kept.task
          this.#fencedOff.push({ id, fence, node, type, limits: admission?.limits ?? [] })
        }
        return { verdict: 'settled', ...this.#move(kept, settled.move) }
      })
    })
  }

  save(node: NodeId, saves: readonly port.Save[]): Promise<readonly boolean[]> {
    return this.#write(() => {
      for (const save of saves) mustBeKept(save)
      return saves.map(({ id, fence, checkpoint, steps, progress, log }) => {
        const kept = this.#tasks.get(id)
        if (kept?.task.fence !== fence || kept.task.ownerNode !== node || !isActive(kept.task.status))
          return false
        if (checkpoint !== undefined) kept.checkpoint = checkpoint
        kept.log = appended(kept.log, log)
        kept.steps = withSteps(kept.steps, steps)
        kept.task = {
          ...kept.task,
          savedAt: this.#time.nowAsOf(kept.task.statusSince),
          crashes: checkpoint === undefined && steps === undefined ? kept.task.crashes : 0,
          progress: progress ?? kept.task.progress,
          sleeps: checkpoint === undefined ? kept.task.sleeps : null,
        }
        return true
      })
    })
  }

  control(commands: readonly port.Command[], audit?: Audit): Promise<readonly port.Controlled[]> {
    return this.#write(() =>
      commands.map(({ id, control, by, why, fromStart }): port.Controlled => {
        const kept = this.#tasks.get(id)
        if (kept === undefined) return { kind: 'unknown' }
        const codeAlive = this.#fencedOff.some((place) => place.id === id)
        const { type, unique } = kept.task
        const keyHolder = unique === null ? undefined : this.#ownerOf(uniqueName(type, unique.key))?.id
        const answer = rules.controlled(kept.task, control, {
          ...this.#moment(),
          by,
          why,
          codeAlive,
          keyHolder,
          fromStart,
        })
        if (answer.kind !== 'moved') return { ...answer, task: kept.task }
        if (control === 'retry') kept.result = null
        if (control === 'retry' && fromStart === true) {
          kept.checkpoint = null
          kept.steps = []
          for (const child of this.#all())
            if (child.task.parent?.id === id) child.task = { ...child.task, idempotencyKey: null }
          this.waits.forget(id)
        }
        this.audit.changed(audit, control, id)
        return { kind: 'moved', ...this.#move(kept, answer.move) }
      }),
    )
  }

  unpark(node: NodeId, copies: readonly port.Copy[]): Promise<readonly rules.Move[]> {
    return this.#write(() =>
      copies.flatMap(({ id, fence, why }) => {
        const kept = this.#tasks.get(id)
        if (kept?.task.fence !== fence) return []
        return this.#moveIfAny(kept, rules.unparked(kept.task, node, why, this.#moment()))
      }),
    )
  }

  releaseSlots(node: NodeId, copies: readonly port.Copy[]): Promise<void> {
    return this.#write(() => {
      this.#fencedOff = this.#fencedOff.filter(
        (place) =>
          place.node !== node || !copies.some(({ id, fence }) => place.id === id && place.fence === fence),
      )
    })
  }

  promote(limit: number): Promise<port.Promoted> {
    return this.#write(() => {
      const scheduled = () =>
        this.#all()
          .filter(({ task }) => task.runAt !== null && (task.status === 'scheduled' || isAsleep(task)))
          .sort((a, b) => (a.task.runAt ?? 0) - (b.task.runAt ?? 0))
      const due = scheduled().filter(({ task }) => task.runAt! <= this.#time.now())
      const moved = due
        .slice(0, limit)
        .map((kept) => this.#move(kept, rules.promoted(kept.task, this.#moment())))
      const next = scheduled()[0]?.task.runAt ?? null
      return { moved, dueIn: next === null ? null : Math.max(0, next - this.#time.now()) }
    })
  }

  async expire(limit: number): Promise<port.Expired> {
    this.#mustBeOpen()
    const expiring = () =>
      this.#all()
        .filter(({ task }) => task.expiresAt !== null && isUnstarted(task.status))
        .sort((a, b) => a.task.expiresAt! - b.task.expiresAt!)
    const dueIn = () => {
      const next = expiring()[0]?.task.expiresAt ?? null
      return next === null ? null : Math.max(0, next - this.#time.now())
    }
    if (dueIn() !== 0) return { moved: [], dueIn: dueIn() }
    return this.#write(() => {
      const moved = expiring()
        .filter(({ task }) => isExpired(task, this.#time.now()))
        .slice(0, limit)
        .map((kept) => this.#move(kept, rules.expired(kept.task, this.#moment())))
      return { moved, dueIn: dueIn() }
    })
  }

  async preempt({ types, rules }: port.PreemptRequest): Promise<readonly Task[]> {
    this.#mustBeOpen()
    const urgent = () =>
      this.#all()
        .map(({ task }) => task)
        .filter(({ status, priority }) => status === 'queued' && priority >= urgentPriority)
    if (urgent().length === 0 || rules.size === 0) return []
    return this.#write(() => {
      const now = this.#time.now()
      const waiting: Task[] = []
      const mayRun = ({ type }: Task) => {
        const started = waiting.filter((other) => other.type === type).length
        const most = types.find((one) => one.type === type)?.concurrency
        return (
          most !== undefined && this.#occupied(type) + started < (most ?? Infinity) && !this.#holds.has(type)
        )
      }
      const inOrder = urgent().sort((a, b) => b.priority - a.priority || a.queuePosition - b.queuePosition)
      for (const task of inOrder) {
        if (isExpired(task, now) || isSuspect(task) || !mayRun(task)) continue
        if (this.limits.mayStart(task, waiting)) waiting.push(task)
      }
      const running = this.#all()
        .map(({ task }) => task)
        .filter(({ status, type }) => status === 'running' && rules.has(type))
      const chosen = choosePreemptions({
        now,
        elapsed: (since) => this.#time.elapsed(since, now),
        urgent: waiting.slice(0, port.urgentAtOnce),
        nodes: this.#living(),
        running,
        rules,
      })
      return chosen.map(({ task: { id }, preemption }) => {
        const kept = this.#tasks.get(id)!
        kept.task = { ...kept.task, preemption }
        return kept.task
      })
    })
  }

  async release(limit: number): Promise<port.Released> {
    this.#mustBeOpen()
    if (this.#endedAwaited.length === 0) return { moved: [], more: false, anyWaits: this.#edges.size > 0 }
    return this.#write(() => {
      const counted = this.#endedAwaited
        .sort((a, b) => a.task.completedAt! - b.task.completedAt! || a.rowId - b.rowId)
        .flatMap(({ task }) => this.#edges.get(task.id)!.toSorted(bySuccessor))
        .slice(0, limit)
      const bySuccessors = Map.groupBy(counted, ({ successor }) => successor)
      const moved = [...bySuccessors].flatMap(([successor, all]) => this.#countEnds(successor, all))
      for (const predecessor of new Set(counted.map(({ predecessor }) => predecessor)))
        this.#forget(predecessor, counted)
      return { moved, more: this.#endedAwaited.length > 0, anyWaits: this.#edges.size > 0 }
    })
  }

  async predecessors(id: TaskId, limit: number): Promise<readonly Task[]> {
    this.#mustBeOpen()
    const edges = [...this.#edges.values()].flat().filter((edge) => edge.successor === id && holdsBack(edge))
    const ids = edges.map(({ predecessor }) => predecessor).sort()
    return ids.slice(0, limit).map((predecessor) => this.#tasks.get(predecessor)!.task)
  }

  async successors(id: TaskId, limit: number): Promise<readonly Task[]> {
    this.#mustBeOpen()
    const edges = (this.#edges.get(id) ?? []).filter(holdsBack).toSorted(bySuccessor)
    return edges.flatMap(({ successor }) => this.#tasks.get(successor)?.task ?? []).slice(0, limit)
  }

  async children(id: TaskId): Promise<port.ChildCounts> {
    this.#mustBeOpen()
    const children = this.#all().filter(({ task }) => task.parent?.id === id)
    const groups = Map.groupBy(children, ({ task }) => task.status)
    return Object.fromEntries(Array.from(groups, ([status, tasks]) => [status, tasks.length]))
  }

  startNode(node: port.NodeInfo): Promise<void> {
    return this.#write(() => {
      this.#nodes.start(node)
      if (this.capabilities.lease === null) this.webhooks.free()
    })
  }

  reap({ poisonLimit, poisonLimits }: port.ReapOptions): Promise<readonly rules.Move[]> {
    return this.#write(() => {
      const orphans = this.#all()
        .filter(({ task }) => task.ownerNode !== null && !this.#isAlive(task.ownerNode))
        .sort((a, b) => a.task.queuePosition - b.task.queuePosition)
      const moved = orphans.flatMap((kept) => {
        const limit = poisonLimits?.get(kept.task.type) ?? poisonLimit
        return this.#moveIfAny(kept, rules.lost(kept.task, { ...this.#moment(), poisonLimit: limit }))
      })
      this.#fencedOff = this.#fencedOff.filter(({ node }) => this.#isAlive(node))
      return moved
    })
  }

  endNode(id: NodeId): Promise<void> {
    return this.#write(() => this.#nodes.end(id))
  }

  renew(id: NodeId): Promise<boolean> {
    return this.#write(() => this.#nodes.renew(id))
  }

  async nodes(): Promise<readonly port.LiveNode[]> {
    this.#mustBeOpen()
    return this.#living()
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#write(() => {
      const before = this.#time.ago(retention)
      const over = this.#all()
        .filter(
          ({ task, isAwaited }) =>
            isTerminal(task.status) &&
            !isAwaited &&
            !this.#isKept(task.id) &&
            (task.completedAt ?? before) < before,
        )
        .sort((a, b) => (a.task.completedAt ?? 0) - (b.task.completedAt ?? 0))
        .slice(0, limit)
      for (const { task } of over) this.#delete(task.id)
      return over.length
    })
  }

  async get(id: TaskId): Promise<Task | null> {
    this.#mustBeOpen()
    return this.#tasks.get(id)?.task ?? null
  }

  async read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<port.TaskRecord | null> {
    this.#mustBeOpen()
    const kept = this.#tasks.get(id)
    if (kept === undefined) return null
    const { task, parameters, checkpoint, result } = kept
    if (options?.brief === true) return { task, parameters, checkpoint: null, result: null, timeline: [] }
    return { task, parameters, checkpoint, result, timeline: keptEntries(kept.timeline) }
  }

  async log(id: TaskId, after: number, limit: number): Promise<readonly port.NumberedLine[] | null> {
    this.#mustBeOpen()
    const kept = this.#tasks.get(id)
    return kept?.log.filter(({ number }) => number > after).slice(0, limit) ?? null
  }

  async probe(): Promise<void> {}

  async steps(id: TaskId, query: port.StepQuery): Promise<port.StepPage | null> {
    this.#mustBeOpen()
    const kept = this.#tasks.get(id)
    return kept === undefined ? null : stepPage(kept.steps, query)
  }

  async counts(): Promise<port.Counts> {
    const byType: Record<string, Partial<Record<Status, number>>> = {}
    for (const { type, status } of this.#all().map(({ task }) => task)) {
      const counts = (byType[type] ??= {})
      counts[status] = (counts[status] ?? 0) + 1
    }
    const fencedOff: Record<string, number> = {}
    for (const { type } of this.#fencedOff) fencedOff[type] = (fencedOff[type] ?? 0) + 1
    return { byType, fencedOff, held: Object.fromEntries(this.#holds) }
  }

  purge(
    ids: readonly TaskId[],
    statuses?: readonly Status[],
    audit?: Audit,
  ): Promise<readonly port.Purged[]> {
    return this.#write(() =>
      ids.map((id): port.Purged => {
        const kept = this.#tasks.get(id)
        if (kept === undefined) return { kind: 'unknown' }
        const { task } = kept
        const isMeant = statuses?.includes(task.status) ?? true
        if (!isMeant || !isTerminal(task.status)) return { kind: 'refused', task }
        if (kept.isAwaited) return { kind: 'refused', task, why: awaitedReason }
        if (this.#isKept(id)) return { kind: 'refused', task, why: keptReason }
        this.#delete(id)
        this.audit.changed(audit, 'purge', id)
        return { kind: 'purged' }
      }),
    )
  }

  hold(type: string, held: boolean, by: string, audit?: Origin): Promise<boolean> {
    return this.#write(() => {
      if (this.#holds.has(type) === held) return false
      const reason = audit?.reason ?? null
      if (audit !== undefined) this.audit.add(holdEntry(audit, type, held))
      if (held) this.#holds.set(type, { since: this.#time.now(), by, reason })
      else this.#holds.delete(type)
      return true
    })
  }

  async list(query: port.Query): Promise<port.Page<port.ListedTask>> {
    this.#mustBeOpen()
    const brief = { checkpoint: null, result: null, timeline: [] }
    return pageOf(this.#all(), query, ({ task, parameters }, cut) => ({
      entry: { task, parameters: cut === null ? parameters : 'null', cut, ...brief },
      shown: cut === null ? Buffer.byteLength(parameters) : 0,
    }))
  }

  async find(query: port.Query): Promise<port.Page<TaskId>> {
    this.#mustBeOpen()
    return pageOf(this.#all(), query, ({ task }) => ({ entry: task.id, shown: 0 }))
  }

  async failed(query: port.FailedQuery): Promise<port.FailedPage> {
    this.#mustBeOpen()
    const { failedAt: before, rowId: last } = query.after ?? { failedAt: Infinity, rowId: 0 }
    const rows = this.#all()
      .filter(({ task }) => task.status === 'failed' && (task.completedAt ?? 0) >= query.since)
      .map(({ task, rowId }) => ({ task, rowId, at: task.completedAt ?? 0 }))
      .filter(({ at, rowId }) => at < before || (at === before && rowId < last))
      .sort((a, b) => b.at - a.at || b.rowId - a.rowId)
    return failedPageOf(rows.slice(0, query.scan), query)
  }

  async ended(query: port.EndedQuery): Promise<port.EndedPage> {
    this.#mustBeOpen()
    const { order, from, until, scan } = query
    const start = startOf(query)
    const direction = order === 'newest' ? -1 : 1
    const rows = this.#all()
      .map(({ task, rowId }) => ({ task, rowId, at: task.completedAt }))
      .filter(
        (row): row is typeof row & { at: number } => row.at !== null && row.at >= from && row.at < until,
      )
      .filter(({ at, rowId }) => direction * (at - start.endedAt || rowId - start.rowId) > 0)
      .sort((a, b) => direction * (a.at - b.at || a.rowId - b.rowId))
    return endedPageOf(rows.slice(0, scan), query)
  }

  async timelines(ids: readonly TaskId[]): Promise<ReadonlyMap<TaskId, readonly TimelineEntry[]>> {
    this.#mustBeOpen()
    return new Map(
      ids.flatMap((id) => {
        const kept = this.#tasks.get(id)
        return kept === undefined ? [] : [[id, keptEntries(kept.timeline)] as const]
      }),
    )
  }

  async resolve(part: IdPart, limit: number): Promise<readonly TaskId[]> {
    this.#mustBeOpen()
    const ids = this.#all().map(({ task }) => task.id)
    return ids
      .filter((id) => isNamedBy(id, part))
      .sort()
      .slice(0, limit)
  }

  async ahead(
    { priority, queuePosition }: port.QueuePosition,
    types: readonly string[],
    limit: number,
  ): Promise<number> {
    this.#mustBeOpen()
    const before = (task: Task) =>
      task.status === 'queued' &&
      types.includes(task.type) &&
      (task.priority > priority || (task.priority === priority && task.queuePosition < queuePosition))
    return Math.min(limit, this.#count(before))
  }

  async oldestQueued(types: readonly string[]): Promise<Readonly<Record<string, number>>> {
    this.#mustBeOpen()
    const oldest: Record<string, number> = {}
    for (const { task } of this.#all()) {
      if (task.status !== 'queued' || !types.includes(task.type)) continue
      oldest[task.type] = Math.max(oldest[task.type] ?? 0, this.#time.elapsed(task.statusSince))
    }
    return oldest
  }

  beginOperation(operation: Operation, audit?: Origin): Promise<Operation> {
    return this.#write(() => {
      const begun = operationBegun(operation, this.#time.now())
      this.#operations.save(begun)
      if (audit !== undefined) this.audit.add(operationEntry(audit, begun))
      return begun
    })
  }

  saveOperation(operation: Operation): Promise<boolean> {
    return this.#write(() => this.#operations.save(operation))
  }

  operation(
    id: string,
    { cancel, audit }: port.OperationOptions = { cancel: false },
  ): Promise<Operation | null> {
    return this.#write(() =>
      this.#operations.look(
        id,
        cancel,
        (node) => this.#nodes.isAlive(node),
        () => {
          if (audit !== undefined) this.audit.add(cancelEntry(audit, id))
        },
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
  }

  #prepared(submissions: readonly Submission[], options: port.SubmitOptions): Prepared {
    const { by, maxQueued, audit, tags } = options
    const nothing = (answer: port.Submitted): Prepared => ({ answer, commit: () => {} })
    const context = { ...this.#moment(), by }
    const made: (rules.Move & Readonly<{ submission: Submission }>)[] = []
    const moved: (rules.Move & Readonly<{ parameters?: Json }>)[] = []
    const tasks: port.Accepted[] = []
    const entering: { index: number; task: Task; most: number | undefined; replaces: Task | undefined }[] = []
    let unknown: port.Submitted | undefined
    /** Who would have each key. */
    const owners = new Map<string, Task>()
    const links: Edge[] = []
    for (const { parent } of submissions) {
      if (parent !== undefined && !mayStartChildren(this.#tasks.get(parent.id)?.task, parent.fence))
        return nothing({ kind: 'no_parent' })
    }
    const byKey = new Map<string, Task>()
    if (submissions.some(({ idempotencyKey }) => idempotencyKey !== null)) {
      for (const { task } of this.#all())
        if (task.idempotencyKey !== null) byKey.set(task.idempotencyKey, task)
    }
    for (const [index, submission] of submissions.entries()) {
      const { id, type, idempotencyKey: key, requestHash, unique } = submission
      let cancels = false
      const earlier = key === null ? undefined : byKey.get(key)
      if (earlier !== undefined) {
        if (earlier.requestHash !== requestHash) return nothing({ kind: 'conflict', index, id: earlier.id })
        tasks.push({ task: earlier, replayed: true })
        links.push(...linkOf(submission, earlier.id))
        continue
      }
      if (unique !== undefined) {
        const name = uniqueName(type, unique.key)
        const owner = owners.get(name) ?? this.#ownerOf(name)
        const isForeign = owner !== undefined && tags?.some((tag) => owner.tags.includes(tag)) === false
        const mayCancel = owner !== undefined && isReplaceable(owner)
        if (owner !== undefined && (isForeign || unique.onConflict === 'reject'))
          return nothing({ kind: 'taken', index, id: owner.id })
        if (owner !== undefined && unique.onConflict === 'return') {
          tasks.push({ task: owner, replayed: true, existing: true })
          continue
        }
        if (owner !== undefined && unique.onConflict === 'debounce') {
          if (owner.unique?.debounced !== true) return nothing({ kind: 'taken', index, id: owner.id })
          const move = rules.debounced(owner, submission, context)
          owners.set(name, move.task)
          moved.push({ ...move, parameters: submission.parameters })
          tasks.push({ task: move.task, replayed: true, existing: true })
          continue
        }
        if (owner !== undefined && !mayCancel) return nothing({ kind: 'taken', index, id: owner.id })
        if (owner !== undefined) moved.push(rules.replaced(owner, id, context))
        cancels = owner !== undefined
      }
      unknown ??= this.#unknownPredecessor(submission, index)
      const missing = this.#edgesTo(submission).length
      const move = rules.submitted(submission, { ...context, missing })
      if (unique !== undefined) owners.set(uniqueName(type, unique.key), move.task)
      made.push({ ...move, submission })
      if (key !== null) byKey.set(key, move.task)
      links.push(...linkOf(submission, id))
      const replaces = moved.at(-1)?.before ?? undefined
      entering.push({
        index,
        task: move.task,
        most: submission.maxOfType,
        replaces: cancels ? replaces : undefined,
      })
      tasks.push({ replayed: false, ...move })
    }
    const parents = new Set(made.flatMap(({ submission: { parent } }) => parent?.id ?? []))
    const crowds = [...parents].some((id) => {
      const ofOne = (task: Task) => task.parent?.id === id
      return this.#count(ofOne) + made.filter(({ task }) => ofOne(task)).length > childLimits.children
    })
    if (crowds) return nothing({ kind: 'many_children' })
    const waiting = this.#count(({ status }) => notStarted.has(status))
    if (made.length > 0 && waiting + made.length > maxQueued) return nothing({ kind: 'full' })
    if (unknown !== undefined) return nothing(unknown)
    const crowded = this.#crowded(entering)
    if (crowded !== undefined) return nothing(crowded)
    const taken = new Set(this.#tasks.keys())
    for (const { id, parameters } of made.map(({ submission }) => submission)) {
      if (taken.has(id)) throw new Error(`there is a task ${id} already`)
      taken.add(id)
      mustBeText(parameters)
    }
    const commit = () => {
      for (const { submission, task, entry } of made) {
        for (const edge of this.#edgesTo(submission)) this.#await(edge)
        this.#tasks.set(task.id, {
          rowId: ++this.#number,
          task,
          parameters: submission.parameters,
          checkpoint: null,
          result: null,
          timeline: [entry],
          isAwaited: false,
          log: [],
          steps: [],
        })
        this.#takeKey(task)
        this.webhooks.tell({ before: null, task, at: entry.at })
      }
      for (const link of links) this.#await(link)
      for (const { parameters, ...move } of moved) {
        const kept = this.#tasks.get(move.task.id)!
        this.#move(kept, move)
        if (parameters === undefined) this.audit.changed(audit, 'cancel', move.task.id)
        else kept.parameters = parameters
      }
      const debounced = moved.filter(({ parameters }) => parameters !== undefined)
      const submitted = tasks.filter(
        ({ task, replayed }) => !replayed || debounced.some((move) => move.task.id === task.id),
      )
      if (audit === undefined || submitted.length === 0) return
      const { id, type } = submitted[0]!.task
      const isOneType = submitted.every(({ task }) => task.type === type)
      this.audit.add(
        entryOf(audit, 'task.submit', {
          taskId: submitted.length === 1 ? id : null,
          target: isOneType ? { id: null, name: type } : null,
          count: submitted.length,
        }),
      )
    }
    return {
      answer: {
        kind: 'accepted',
        tasks,
        ...(moved.length === 0
          ? {}
          : { moved: moved.map(({ before, task, entry }) => ({ before, task, entry })) }),
      },
      commit,
    }
  }

  /** The first new task for which there is no room. */
  #crowded(
    entering: readonly Readonly<{
      index: number
      task: Task
      most: number | undefined
      replaces: Task | undefined
    }>[],
  ): port.Submitted | undefined {
    let waiting = this.#all()
      .map(({ task }) => task)
      .filter(isQueuing)
    for (const { index, task, most, replaces } of entering) {
      if (replaces !== undefined) waiting = waiting.filter(({ id }) => id !== replaces.id)
      waiting.push(task)
      if (most !== undefined && waiting.filter(({ type }) => type === task.type).length > most)
        return { kind: 'crowded', index, limit: null, max: most }
      for (const limit of task.admission?.limits ?? []) {
        const max = this.limits.maxQueued(limit)
        const isIn = ({ admission }: Task) =>
          admission?.limits.some((other) => bucketOf(other) === bucketOf(limit)) === true
        if (max !== undefined && waiting.filter(isIn).length > max)
          return { kind: 'crowded', index, limit, max }
      }
    }
    return undefined
  }

  #unknownPredecessor({ predecessors }: Submission, index: number): port.Submitted | undefined {
    const { ids = [] } = predecessors ?? {}
    const place = ids.findIndex((id) => !this.#tasks.has(id))
    return place < 0 ? undefined : { kind: 'no_predecessor', index, place, id: ids[place]! }
  }

  /** The predecessors that a new task must wait for. */
  #edgesTo({ id: successor, predecessors }: Submission): Edge[] {
    const { ids = [], onFailure = 'cancel' } = predecessors ?? {}
    return ids
      .filter((id) => this.#tasks.has(id) && mustWaitFor(this.#tasks.get(id)!.task.status, onFailure))
      .map((predecessor) => ({ predecessor, successor, onFailure }))
  }

  /** Its parent has not ended, or that has not been counted yet. */
  #isKept(id: TaskId): boolean {
    return [...this.#edges.values()].flat().some((edge) => edge.successor === id && isOfParent(edge))
  }

  #await(edge: Edge): void {
    const kept = this.#tasks.get(edge.predecessor)!
    kept.isAwaited = true
    const edges = this.#edges.get(edge.predecessor) ?? []
    if (edges.some(({ successor }) => successor === edge.successor)) return
    edges.push(edge)
    this.#edges.set(edge.predecessor, edges)
  }

  /** Counts the ends of these predecessors of one task. */
  #countEnds(successor: TaskId, edges: readonly Edge[]): rules.Move[] {
    const kept = this.#tasks.get(successor)
    if (kept === undefined) return []
    const ended = edges.map(({ predecessor, onFailure }) => {
      const { status } = this.#tasks.get(predecessor)!.task
      return { predecessor, status, onFailure }
    })
    const joined = this.#joinsOf(successor).filter((edge) => !edges.includes(edge))
    const change = rules.predecessorsEnded(kept.task, ended, joined.length === 0, this.#moment())
    if (change === null) return []
    if ('entry' in change && edges.some(isOfJoin))
      for (const edge of joined) this.#forget(edge.predecessor, [edge])
    if ('entry' in change) return [this.#move(kept, change)]
    kept.task = change
    return []
  }

  /** From the children for which the handler of the task waits. */
  #joinsOf(successor: TaskId): Edge[] {
    return [...this.#edges.values()].flat().filter((edge) => edge.successor === successor && isOfJoin(edge))
  }

  #forget(predecessor: TaskId, counted: readonly Edge[]): void {
    const gone = new Set(counted)
    const left = (this.#edges.get(predecessor) ?? []).filter((edge) => !gone.has(edge))
    if (left.length > 0) return void this.#edges.set(predecessor, left)
    this.#edges.delete(predecessor)
    this.#tasks.get(predecessor)!.isAwaited = false
  }

  #living(): port.LiveNode[] {
    return this.#nodes.living((id) => {
      const fencedOff = this.#fencedOff.filter(({ node }) => node === id).length
      return fencedOff + this.#count((task) => task.ownerNode === id && isActive(task.status))
    })
  }

  /** Executed in a later microtask, in call order; each completely or not at all. */
  async #write<T>(run: () => T): Promise<T> {
    this.#mustBeOpen()
    await Promise.resolve()
    this.#followClock()
    return run()
  }

  /** The wall clock was set: delays keep their lengths. */
  #followClock(): void {
    const jump = this.#time.look()
    if (jump === 0) return
    this.limits.shift(jump)
    this.webhooks.shift(jump)
    this.waits.shift(jump)
    for (const kept of this.#all()) {
      const { status, delay, runAt, expiresAt } = kept.task
      if (expiresAt !== null && isUnstarted(status)) kept.task = { ...kept.task, expiresAt: expiresAt + jump }
      if (!['waiting', 'scheduled', 'paused'].includes(status) || delay === null || runAt === null) continue
      kept.task = { ...kept.task, runAt: runAt + jump }
    }
  }

  #delete(id: TaskId): void {
    this.#tasks.delete(id)
    this.waits.forget(id)
  }

  #isAlive(node: NodeId): boolean {
    return this.#nodes.isAlive(node) || this.workers.has(node)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StoreUnavailable('The store is closed.', { unknown: false })
  }

  #move(kept: Kept, move: rules.Move): rules.Move {
    const { task: before } = kept
    kept.task = move.task
    kept.timeline.push(move.entry)
    this.webhooks.tell({ before, task: move.task, at: move.entry.at })
    if (keepsKey(before) && !keepsKey(move.task)) this.#freeKey(before)
    if (!keepsKey(before) && keepsKey(move.task)) this.#takeKey(move.task)
    return move
  }

  #takeKey({ id, type, unique }: Task): void {
    if (unique !== null) this.#keys.set(uniqueName(type, unique.key), { id, takenAt: this.#time.now() })
  }

  /** Unless another task has it by now. */
  #freeKey({ id, type, unique }: Task): void {
    const name = uniqueName(type, unique?.key ?? '')
    if (this.#keys.get(name)?.id === id) this.#keys.delete(name)
  }

  #ownerOf(name: string): Task | undefined {
    const held = this.#keys.get(name)
    const task = held === undefined ? undefined : this.#tasks.get(held.id)?.task
    const lasts = task?.unique?.for ?? Number.POSITIVE_INFINITY
    if (held === undefined || task === undefined || isExpired(task, this.#time.now())) return undefined
    return this.#time.elapsed(held.takenAt) < lasts ? task : undefined
  }

  #moveIfAny(kept: Kept, move: rules.Move | null): rules.Move[] {
    return move === null ? [] : [this.#move(kept, move)]
  }

  #moment(): rules.TransitionContext {
    return {
      now: this.#time.now(),
      nextQueuePosition: () => ++this.#queuePosition,
      elapsed: (since) => this.#time.elapsed(since),
    }
  }

  /** Tasks that have ended, with those that wait for them. */
  get #endedAwaited(): Kept[] {
    return [...this.#edges.keys()]
      .map((id) => this.#tasks.get(id)!)
      .filter(({ task }) => isTerminal(task.status))
  }

  #all(): Kept[] {
    return [...this.#tasks.values()]
  }

  #occupied(type: string): number {
    const fencedOff = this.#fencedOff.filter((place) => place.type === type).length
    return fencedOff + this.#count((task) => task.type === type && isActive(task.status))
  }

  #count(matches: (task: Task) => boolean): number {
    return this.#all().filter(({ task }) => matches(task)).length
  }
}

function bySuccessor(a: Edge, b: Edge): number {
  return a.successor < b.successor ? -1 : 1
}

const notStarted: ReadonlySet<Status> = new Set(['waiting', 'scheduled', 'queued'])

function areInOneLane(a: Task, b: Task): boolean {
  const [lane, other] = [laneOf(a), laneOf(b)]
  return lane !== undefined && other !== undefined && laneText(lane) === laneText(other)
}

function mustBeText(...documents: readonly Json[]): void {
  for (const document of documents) {
    if (typeof document !== 'string') throw new TypeError('a document that is not text')
  }
}

function keptEntries(timeline: readonly TimelineEntry[]): TimelineEntry[] {
  return timeline.filter((_, index) => index === 0 || index > timeline.length - port.timelineLimit)
}
