import { closeSync, openSync, realpathSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { cancelEntry, holdEntry, operationEntry, type Audit } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import { longestRetry } from '../../core/webhook.ts'
import { StoreUnavailable, TooManyOperations } from '../../core/errors.ts'
import { childLimits } from '../../core/child.ts'
import { isOfJoin, type Edge, type EdgePolicy } from '../../core/dependency.ts'
import { choosePreemptions } from '../../core/preemption.ts'
import { isExpired } from '../../core/expiry.ts'
import { mustBeKept, type Settlement } from '../../core/outcome.ts'
import { operationBegun, operationSeen, type Operation } from '../../core/operation.ts'
import type { IdPart } from '../../core/short-id.ts'
import {
  type NodeId,
  type Status,
  type Submission,
  type Task,
  type TaskId,
  type TimelineEntry,
} from '../../core/task.ts'
import type { Move } from '../../core/transition.ts'
import { rowIdOf, selectedNames, type StoredRow } from '../columns.ts'
import { auditedReplaced, auditedSubmit, auditedTasks } from '../auditing.ts'
import * as commands from '../commands.ts'
import { pickTasks, Round } from '../lanes.ts'
import { readNow } from '../reading.ts'
import { boundsWanted, QueueBounds } from '../queue-bounds.ts'
import * as port from '../store.ts'
import { startableUrgent, type Urgent } from '../urgent.ts'
import { TaskRow, type NewRow, type OccupiedSlot } from '../task-row.ts'
import { forgetNodes, liveNodes, startNode } from './nodes.ts'
import { Commits, type Effect } from './commits.ts'
import { connect, unopenable } from './connection.ts'
import { Counters } from './counters.ts'
import { isFull, isOfFlush, isOfMedium, refusalFor } from './failures.ts'
import { Files, rewriteLog } from './files.ts'
import { copyOfMemory, LiveCopy, removeUnfinished } from './live-copy.ts'
import { SqliteAudit } from './audit.ts'
import { SqliteKeys } from './keys.ts'
import { SqliteLimits } from './limits.ts'
import { limitFrom, noteFreed, SqliteLanes, type LimitRow } from './lanes.ts'
import { SqliteSchedules } from './schedules.ts'
import { Outbox } from './outbox.ts'
import { SqliteWebhooks } from './webhooks.ts'
import { SqliteWorkers } from './workers.ts'
import { SqliteFigures } from './figures.ts'
import { SqliteJoins } from './joins.ts'
import { SqliteWaits } from './waits.ts'
import { readLog } from './log.ts'
import { migrate, mustBeWhole } from './migrations.ts'
import { Reader, type QueueHead } from './reader.ts'
import { SteadyTime } from '../steady-time.ts'
import { Reserve } from './reserve.ts'
import { RowWriter } from './row-writer.ts'
import { isAwaited, taskOf } from './rows.ts'
import { prepareAll, type Statements } from './statements.ts'
import { readSteps } from './steps.ts'

/**
 * Opens or creates the file; `:memory:` stores nothing on disk. One process owns it: a second one is refused. Its times are
 * those of `clock`.
 */
export async function openSqlite(path: string, { clock }: { clock: Clock }): Promise<port.Store> {
  return new SqliteStore(path, clock)
}

class SqliteStore implements port.Store {
  readonly capabilities = { lease: null }
  readonly commits = new port.CommitMetrics()
  readonly shared = null
  readonly backup = () => this.#backup()
  readonly keys: SqliteKeys
  readonly audit: SqliteAudit
  readonly schedules: SqliteSchedules
  readonly workers: SqliteWorkers
  readonly limits: SqliteLimits
  readonly webhooks: SqliteWebhooks
  readonly waits: SqliteWaits
  readonly figures: SqliteFigures
  readonly joins: SqliteJoins
  readonly #path: string
  readonly #time: SteadyTime
  readonly #commits: Commits
  #db: DatabaseSync
  #sql: Statements
  #counters: Counters
  #reader: Reader
  #writer: RowWriter
  readonly #outbox = new Outbox(() => ++this.#queuePosition)
  #files: Files
  readonly #reserve: Reserve
  /** For backups; opened by the first one. */
  #file: number | undefined
  #copy: LiveCopy | undefined
  /** A flush has failed: the log may show what is not on the disk, so nothing is read from it or added to it. */
  #mayVanish = false
  /** When the reserve was last requested on a full disk. */
  #lookedForRoom = Number.NEGATIVE_INFINITY
  /** Milliseconds by which the wall clock was set while this file was open, and by how many its delays have followed. */
  #clockMoved = 0
  #delaysMoved = 0
  #areDelaysBounded = false
  /** When a rate may allow the next start. */
  #wakesAt: number | null = null
  readonly #round = new Round()
  #rowId = 0
  #queuePosition = 0
  readonly #moment = {
    now: 0,
    nextQueuePosition: () => ++this.#queuePosition,
    nextRowId: () => ++this.#rowId,
    elapsed: (since: number) => this.#time.elapsed(since, this.#moment.now),
    nowAsOf: (since: number) => this.#time.nowAsOf(since, this.#moment.now),
  }

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#time = new SteadyTime(clock)
    this.#db = connect(path)
    try {
      mustBeWhole(this.#db, path)
      migrate(this.#db)
      this.#sql = prepareAll(this.#db)
      this.#counters = new Counters(this.#sql)
      this.#reader = new Reader(this.#sql, this.#counters)
      this.#writer = new RowWriter(this.#sql, this.#counters, this.#outbox)
      this.#reload()
      this.#clockMoved = this.#delaysMoved
      this.#files = new Files(path)
      this.#reserve = new Reserve(path)
      if (path !== ':memory:') removeUnfinished(realpathSync(path))
      this.#keepSmall()
    } catch (error) {
      this.#db.close()
      throw unopenable(error, path)
    }
    const source = {
      sql: () => this.#sql,
      now: () => this.#time.now(),
      write: <T>(run: () => T) => this.#commits.write(run),
      read: <T>(look: () => T) => this.#read(look),
    }
    // Numbers of the queue are unique, and an entry is no place in it.
    const nextNumber = () => ++this.#queuePosition
    const audit = new SqliteAudit({ ...source, ago: (duration) => this.#time.ago(duration), nextNumber })
    this.audit = audit
    this.keys = new SqliteKeys({ ...source, record: (entry, at) => audit.add(entry, at) })
    this.schedules = new SqliteSchedules({
      sql: () => this.#sql,
      now: () => this.#time.now(),
      ago: (ms) => this.#time.ago(ms),
      write: (run, effect) => this.#commits.write(run, effect),
      read: (look) => this.#read(look),
      submit: (call) => this.#submit(call),
      audit: (entry, at) => audit.add(entry, at),
    })
    this.figures = new SqliteFigures({
      sql: () => this.#sql,
      write: (run, effect) => this.#commits.write(run, effect),
      read: (look) => this.#read(look),
    })
    this.workers = new SqliteWorkers({
      sql: () => this.#sql,
      time: this.#time,
      write: (run) => this.#commits.write(run),
      read: (look) => this.#read(look),
      audit: (entry, at) => audit.add(entry, at),
    })
    this.limits = new SqliteLimits({
      ...source,
      audit: (entry, at) => audit.add(entry, at),
      wakesAt: () => this.#wakesAt,
      write: (run, effect) => this.#commits.write(run, effect),
    })
    this.webhooks = new SqliteWebhooks({
      ...source,
      write: (run, effect) => this.#commits.write(run, effect),
      outbox: this.#outbox,
      ago: (ms) => this.#time.ago(ms),
      audit: (entry, at) => audit.add(entry, at),
    })
    this.waits = new SqliteWaits({
      ...source,
      write: (run, effect) => this.#commits.write(run, effect),
      context: () => this.#context(),
      change: (id, command) => this.#change(id, command),
      audit: (entry, at) => audit.add(entry, at),
    })
    this.joins = new SqliteJoins({
      ...source,
      write: (run, effect) => this.#commits.write(run, effect),
      rows: (ids) => this.#rowsOf(ids),
    })
    this.#commits = new Commits(this.#db, {
      begin: () => this.#followClock(),
      flush: () => this.#flush(),
      reload: () => this.#reload(),
      reopen: (doubt) => this.#reopen(doubt),
      loss: () => this.#files.loss,
      makeRoom: () => this.#makeRoom(),
      room: () => this.#room(),
      pages: () => this.#pragma('page_count'),
      written: () => this.#writer.written,
      committed: (took, written) => {
        this.#copy?.committed()
        this.commits.note(took, written)
        return this.#reserve.holds(this.#files.walSize)
      },
    })
  }

  now(): number {
    return this.#time.now()
  }

  submit(submissions: readonly Submission[], options: port.SubmitOptions): Promise<port.Submitted> {
    return this.#commits.write(() => this.#submit({ submissions, options }), 'adds')
  }

  claim(request: port.ClaimRequest): Promise<readonly port.Claimed[]> {
    return this.#commits.claim(() => this.#claim(request))
  }

  settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly port.Settled[]> {
    return this.#commits.write(() => {
      const context = this.#context()
      return settlements.map((settlement) => {
        mustBeKept(settlement)
        return this.#change(settlement.id, (row) => commands.settle(row, node, settlement, context))
      })
    }, effectOf(settlements))
  }

  save(node: NodeId, saves: readonly port.Save[]): Promise<readonly boolean[]> {
    return this.#commits.write(() => {
      const context = this.#context()
      return saves.map((save) => {
        mustBeKept(save)
        return this.#change(save.id, (row) => commands.save(row, node, save, context))
      })
    }, effectOf(saves))
  }

  control(list: readonly port.Command[], audit?: Audit): Promise<readonly port.Controlled[]> {
    return this.#commits.write(() => {
      const context = this.#context()
      const answers = list.map((command) => {
        const codeAlive = command.control === 'retry' && this.#slotsOf(command.id).length > 0
        return this.#change(command.id, (row) => {
          const keyHolder = command.control === 'retry' ? this.#keyHolder(row?.task) : undefined
          return commands.control(row, command, { codeAlive, keyHolder }, context)
        })
      })
      this.audit.record(auditedTasks(audit, commands.controlledTasks(list, answers)), context.now)
      return answers
    })
  }

  unpark(node: NodeId, copies: readonly port.Copy[]): Promise<readonly Move[]> {
    return this.#commits.write(() => {
      const context = this.#context()
      return copies.flatMap((copy) =>
        this.#change(copy.id, (row) => commands.unpark(row, node, copy, context)),
      )
    })
  }

  releaseSlots(node: NodeId, copies: readonly port.Copy[]): Promise<void> {
    return this.#commits.write(() => {
      const slots = copies.flatMap(({ id }) => this.#slotsOf(id))
      for (const { id, fence, type } of commands.releasedSlots(slots, node, copies)) {
        const { changes } = this.#sql.releaseSlot.run(id, fence)
        noteFreed(this.#sql, this.#sql.freeSlots.all(id, fence))
        this.#counters.addFencedOff(type, -Number(changes))
      }
    })
  }

  promote(limit: number): Promise<port.Promoted> {
    return this.#commits.write(() => {
      const context = this.#context()
      const due = this.#sql.due.all(context.now, limit)
      const asleep = this.#sql.asleepUntil.all(context.now, limit)
      const moved = this.#changeAll([...due, ...asleep], (rows) => commands.promote(rows, limit, context))
      const [next] = this.#sql.nextDue.get() as unknown as [number | null]
      return { moved, dueIn: next === null ? null : Math.max(0, next - context.now) }
    })
  }

  expire(limit: number): Promise<port.Expired> {
    const { nextExpiry, expired } = this.#sql
    const next = () => (nextExpiry.get() as unknown as [number | null])[0]
    const dueIn = (at: number | null, now: number) => (at === null ? null : Math.max(0, at - now))
    const waits = dueIn(
      this.#read(() => next()),
      this.#time.now(),
    )
    if (waits !== 0) return Promise.resolve({ moved: [], dueIn: waits })
    return this.#commits.write(() => {
      const context = this.#context()
      const moved = this.#changeAll(expired.all(context.now, limit), (rows) => commands.expire(rows, context))
      return { moved, dueIn: dueIn(next(), context.now) }
    })
  }

  async preempt({ types, rules }: port.PreemptRequest): Promise<readonly Task[]> {
    const urgent = (now: number) => {
      const lanes = new SqliteLanes(this.#sql, this.#counters, { node: '', now })
      return readNow(
        startableUrgent(
          {
            urgent: (most, without) => this.#urgent(types, now, most, without),
            buckets: (names) => lanes.buckets(names),
          },
          now,
        ),
      )
    }
    if (rules.size === 0 || this.#read(() => urgent(this.#time.now())).length === 0) return []
    return this.#commits.write(() => {
      const { now, elapsed } = this.#context()
      const names = JSON.stringify([...rules.keys()])
      const rows = new Map(
        this.#sql.runningOfTypes.all(names).map((read) => {
          const row = rowOf(read)
          return [row.task.id, row] as const
        }),
      )
      const running = Array.from(rows.values(), ({ task }) => task)
      const chosen = choosePreemptions({
        now,
        elapsed,
        urgent: urgent(now),
        nodes: liveNodes(this.#sql),
        running,
        rules,
      })
      const asked = commands.preempt(chosen, (id) => rows.get(id))
      for (const row of rows.values()) this.#writer.write(row)
      return asked
    })
  }

  #urgent(types: readonly port.TypeLimit[], now: number, most: number, without: readonly string[]): Urgent[] {
    const { urgent, urgentInLanes } = this.#sql
    const excluded = JSON.stringify(without)
    return types.flatMap(({ type, concurrency }) => {
      const places = (concurrency ?? Number.POSITIVE_INFINITY) - this.#counters.occupied(type)
      if (places <= 0 || this.#counters.isHeld(type) || this.#counters.get(type, 'queued') === 0) return []
      const plain = urgent.all(type, now, most) as unknown as StoredRow[]
      const laned = urgentInLanes.all(type, now, excluded, most) as unknown as StoredRow[]
      return [
        ...plain.map((row) => ({ task: taskOf(row), lane: null, places })),
        ...laned.map((row) => ({ task: taskOf(row), lane: row[selectedNames.length] as string, places })),
      ]
    })
  }

  async release(limit: number): Promise<port.Released> {
    const { hasEnded, hasEdges } = this.#sql
    const { any, anyWaits } = this.#read(() => ({
      any: hasEnded.get() !== undefined,
      anyWaits: hasEdges.get() !== undefined,
    }))
    if (!any) return { moved: [], more: false, anyWaits }
    return this.#commits.write(() => this.#release(limit))
  }

  async predecessors(id: TaskId, limit: number): Promise<readonly Task[]> {
    return this.#read(() =>
      this.#sql.predecessors.all(id, limit).map((row) => taskOf(row as unknown as StoredRow)),
    )
  }

  async successors(id: TaskId, limit: number): Promise<readonly Task[]> {
    return this.#read(() =>
      this.#sql.waitingFor.all(id, limit).map((row) => taskOf(row as unknown as StoredRow)),
    )
  }

  async children(id: TaskId): Promise<port.ChildCounts> {
    return this.#read(() => Object.fromEntries(this.#sql.children.all(id) as unknown as [Status, number][]))
  }

  async startNode(node: port.NodeInfo): Promise<void> {
    await this.#commits.write(() => {
      const now = this.#time.now()
      if (!this.#areDelaysBounded) this.#boundDelays(now)
      startNode(this.#sql, node, now)
      this.#sql.freeDeliveries.run(now)
    })
    this.#areDelaysBounded = true
  }

  reap(options: port.ReapOptions): Promise<readonly Move[]> {
    return this.#commits.write(() => {
      const context = this.#context()
      const moved = this.#changeAll(this.#sql.orphans.all(), (rows) => commands.reap(rows, options, context))
      this.#sql.dropFencedOff.run()
      noteFreed(this.#sql, this.#sql.freeDeadSlots.all())
      this.#counters.reloadFencedOff()
      forgetNodes(this.#sql, this.#time.now())
      return moved
    })
  }

  endNode(node: NodeId): Promise<void> {
    return this.#commits.write(() => {
      this.#sql.endNode.run(this.#time.now(), node)
    })
  }

  async nodes(): Promise<readonly port.LiveNode[]> {
    return this.#read(() => liveNodes(this.#sql))
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#commits.write(() => {
      const before = this.#time.ago(retention)
      return this.#changeAll(this.#sql.prunable.all(before, limit), commands.prune)
    })
  }

  purge(
    ids: readonly TaskId[],
    statuses?: readonly Status[],
    audit?: Audit,
  ): Promise<readonly port.Purged[]> {
    return this.#commits.write(() => {
      const answers = ids.map((id) =>
        this.#change(id, (row) => commands.purge(row, statuses, this.#isKept(row))),
      )
      this.audit.record(auditedTasks(audit, commands.purgedTasks(ids, answers)), this.#time.now())
      return answers
    })
  }

  hold(type: string, held: boolean, by: string, audit?: Origin): Promise<boolean> {
    return this.#commits.write(() => {
      if (this.#counters.isHeld(type) === held) return false
      const now = this.#time.now()
      this.#counters.setHold(type, held ? { since: now, by, reason: audit?.reason ?? null } : null)
      if (audit !== undefined) this.audit.add(holdEntry(audit, type, held), now)
      return true
    })
  }

  async get(id: TaskId): Promise<Task | null> {
    const row = this.#read(() => this.#reader.row(id))
    return row === undefined ? null : taskOf(row)
  }

  async read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<port.TaskRecord | null> {
    return this.#read(() => this.#reader.read(id, options?.brief === true))
  }

  async list(query: port.Query): Promise<port.Page<port.ListedTask>> {
    return this.#read(() => this.#reader.list(query))
  }

  async find(query: port.Query): Promise<port.Page<TaskId>> {
    return this.#read(() => this.#reader.find(query))
  }

  async failed(query: port.FailedQuery): Promise<port.FailedPage> {
    return this.#read(() => this.#reader.failed(query))
  }

  async ended(query: port.EndedQuery): Promise<port.EndedPage> {
    return this.#read(() => this.#reader.ended(query))
  }

  async timelines(ids: readonly TaskId[]): Promise<ReadonlyMap<TaskId, readonly TimelineEntry[]>> {
    return this.#read(() => this.#reader.timelines(ids))
  }

  async resolve(part: IdPart, limit: number): Promise<readonly TaskId[]> {
    return this.#read(() => this.#reader.resolve(part, limit))
  }

  async ahead(place: port.QueuePosition, types: readonly string[], limit: number): Promise<number> {
    return this.#read(() => this.#reader.ahead(place, types, limit))
  }

  async oldestQueued(types: readonly string[]): Promise<Readonly<Record<string, number>>> {
    const now = this.now()
    const oldest = this.#read(() => this.#reader.oldestQueued(types))
    return Object.fromEntries(
      Array.from(oldest, ([type, since]) => [type, this.#time.elapsed(since, now)] as const),
    )
  }

  beginOperation(operation: Operation, audit?: Origin): Promise<Operation> {
    return this.#commits.write(() => {
      const begun = operationBegun(operation, this.#time.now())
      this.#keepOperation(begun)
      if (audit !== undefined) this.audit.add(operationEntry(audit, begun), begun.createdAt)
      return begun
    })
  }

  saveOperation(operation: Operation): Promise<boolean> {
    return this.#commits.write(() => this.#keepOperation(operation))
  }

  operation(id: string, options?: port.OperationOptions): Promise<Operation | null> {
    return this.#commits.write(() => {
      const kept = this.#reader.operation(id)
      if (kept === null) return null
      const seen = operationSeen(kept, this.#sql.nodeAlive.get(kept.node) !== undefined)
      if (options?.cancel === true && seen.status === 'running') {
        const { changes } = this.#sql.cancelOperation.run(id)
        const { audit } = options
        if (audit !== undefined && changes > 0) this.audit.add(cancelEntry(audit, id), this.#time.now())
      }
      return seen
    })
  }

  async log(id: TaskId, after: number, limit: number): Promise<readonly port.NumberedLine[] | null> {
    return this.#read(() => {
      const row = this.#reader.row(id)
      return row === undefined ? null : readLog(this.#sql, rowIdOf(row), after, limit)
    })
  }

  async steps(id: TaskId, query: port.StepQuery): Promise<port.StepPage | null> {
    return this.#read(() => {
      const row = this.#reader.row(id)
      return row === undefined ? null : readSteps(this.#sql, rowIdOf(row), query)
    })
  }

  async counts(): Promise<port.Counts> {
    return this.#counters.snapshot()
  }

  /** It skips a number of the sequence: writing the same value again would not write anything. */
  probe(): Promise<void> {
    return this.#commits.write(() => {
      this.#queuePosition += 1
    }, 'adds')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#copy?.abort('the store is closed')
    this.#commits.close()
    // Closing deletes the -wal file by name: by now it may belong to another database.
    if (this.#db.isOpen && this.#files.loss === undefined) this.#db.close()
    // Not earlier: it would release the locks on the database.
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  async #backup(): Promise<port.BackupFile> {
    if (!this.#db.isOpen) throw new StoreUnavailable('The store is closed.', { unknown: false })
    if (this.#copy !== undefined) throw new TooManyOperations(1)
    if (this.#path === ':memory:') return copyOfMemory(this.#db)
    const path = realpathSync(this.#path)
    this.#file ??= openSync(path, 'r')
    const { checkpointAfter } = this.#reserve
    this.#copy = new LiveCopy({ db: this.#db, path, file: this.#file, checkpointAfter })
    try {
      return await this.#copy.run()
    } finally {
      this.#copy = undefined
    }
  }

  #submit(call: commands.SubmitCall): port.Submitted {
    const byKey = new Map<string, Task>()
    for (const { idempotencyKey: key } of call.submissions) {
      const row = key === null ? undefined : this.#sql.rowByKey.get(key)
      if (key !== null && row !== undefined) byKey.set(key, taskOf(row as unknown as StoredRow))
    }
    const rows: NewRow[] = []
    const changed = new Set<TaskRow>()
    const context = this.#context()
    const holders = this.#holdersOf(call)
    const edges: Edge[] = []
    const found = this.#rowsOf(commands.predecessorsOf(call.submissions))
    const predecessors = new Map(Array.from(found, ([id, { task }]) => [id, task]))
    const children = new Map(commands.parentsOf(call.submissions).map((id) => [id, this.#countChildren(id)]))
    const { waiting } = this.#counters
    const bounds = this.#boundsOf(call)
    const of = { predecessors, children, edges }
    const batch = { context, byKey, holders, waiting, bounds, rows, changed, ...of }
    const submitted = commands.submit(batch, call)
    for (const row of rows) this.#writer.insert(row)
    for (const row of changed) this.#writer.write(row)
    for (const { predecessor, successor, onFailure } of edges)
      this.#sql.insertEdge.run(predecessor, successor, onFailure)
    for (const id of new Set(edges.map(({ predecessor }) => predecessor)))
      this.#sql.await.run(found.get(id)!.rowId)
    this.audit.record(auditedReplaced(call.options, submitted), context.now)
    this.audit.add(auditedSubmit(call.options, submitted), context.now)
    return submitted
  }

  #countChildren(id: TaskId): number {
    return (this.#sql.childrenUpTo.get(id, childLimits.children) as unknown as [number])[0]
  }

  /** Its parent has not ended, or that has not been counted yet. */
  #isKept(row: TaskRow | undefined): boolean {
    return row?.task.parent != null && this.#sql.parentLink.get(row.task.id) !== undefined
  }

  #boundsOf(call: commands.SubmitCall): QueueBounds | undefined {
    const wanted = boundsWanted([call])
    if (wanted === undefined) return undefined
    const types = Array.from(wanted.types, ([type, roomy]) => {
      const unstarted = this.#counters.unstarted(type)
      // Those that sleep are counted only if it matters.
      const asleep = unstarted <= roomy ? 0 : (this.#sql.asleepOf.get(type) as unknown as [number])[0]
      return [type, unstarted - asleep] as const
    })
    const buckets = Array.from(wanted.buckets, ([bucket, { name }]) => {
      const row = this.#sql.limit.get(name) as unknown as LimitRow | undefined
      const max = row === undefined ? undefined : limitFrom(row).maxQueued
      if (max === undefined) return []
      const [queued] = this.#sql.queuedFor.get(bucket) as unknown as [number]
      return [[bucket, { queued, max }] as const]
    })
    return new QueueBounds(new Map(types), new Map(buckets.flat()))
  }

  /** Those who have the unique keys of a submit. */
  #holdersOf(call: commands.SubmitCall): Map<string, TaskRow> {
    const holders = new Map<string, TaskRow>()
    for (const [name, { type, key }] of commands.wantedKeys([call])) {
      const id = this.#keyOwner(type, key)
      const row = id === undefined ? undefined : this.#reader.row(id)
      if (row !== undefined) holders.set(name, rowOf(row))
    }
    return holders
  }

  /** The task that has the unique key of this one. */
  #keyHolder(task: Task | undefined): TaskId | undefined {
    return task === undefined || task.unique === null ? undefined : this.#keyOwner(task.type, task.unique.key)
  }

  #keyOwner(type: string, key: string): TaskId | undefined {
    const row = this.#sql.keyHolder.get(type, key) as unknown as KeyHolderRow | undefined
    if (row === undefined) return undefined
    const [id, takenAt, lasts, status, expiresAt] = row
    if (isExpired({ status, expiresAt }, this.#moment.now)) return undefined
    return lasts === null || this.#moment.elapsed(takenAt) < lasts ? id : undefined
  }

  #release(limit: number): port.Released {
    const { ended, successors, dropEdge, told, hasEnded, hasEdges, joinedUpTo, dropJoins } = this.#sql
    const all: commands.EndedPredecessor[] = []
    let left = limit
    for (const row of ended.all(limit).map(rowOf)) {
      if (left <= 0) break
      const predecessor = row.task.id
      const found = successors.all(predecessor, left) as unknown as [TaskId, EdgePolicy][]
      const edges = found.map(([successor, onFailure]) => ({ predecessor, successor, onFailure }))
      all.push({ row, edges, isWhole: edges.length < left })
      left -= edges.length
    }
    const rows = this.#rowsOf(all.flatMap(({ edges }) => edges.map(({ successor }) => successor)))
    const joinsMore = (successor: TaskId) => {
      const counted = all.flatMap(({ edges }) => edges.filter((edge) => edge.successor === successor))
      const [found] = joinedUpTo.get(successor, counted.length + 1) as unknown as [number]
      return found > counted.filter(isOfJoin).length
    }
    const release = commands.release(all, (id) => rows.get(id), joinsMore, this.#context())
    for (const row of rows.values()) this.#writer.write(row)
    for (const id of release.informed) dropJoins.run(id)
    for (const { predecessor, successor } of release.counted) dropEdge.run(predecessor, successor)
    for (const { rowId } of release.told) told.run(rowId)
    return {
      moved: release.moved,
      more: hasEnded.get() !== undefined,
      anyWaits: hasEdges.get() !== undefined,
    }
  }

  /** Those that exist. */
  #rowsOf(ids: readonly TaskId[]): Map<TaskId, TaskRow> {
    const rows = new Map<TaskId, TaskRow>()
    for (const id of ids) {
      const row = rows.has(id) ? undefined : this.#reader.row(id)
      if (row !== undefined) rows.set(id, rowOf(row))
    }
    return rows
  }

  #claim(request: port.ClaimRequest): port.Claimed[] {
    const { node, limit, types } = request
    if (limit <= 0 || types.length === 0 || this.#sql.nodeAlive.get(node) === undefined) return []
    const context = this.#context()
    const heads = this.#reader.queueHeads(node, types, limit, context.now)
    const rowIds = this.#areLanesAwake(context.now) ? this.#pick(request, heads, context.now) : heads
    return rowIds.map(({ rowId }) => {
      const row = rowOf(this.#sql.rowByNumber.get(rowId))
      const documents = {
        parameters: this.#reader.document('parameters', rowId) ?? 'null',
        // A first claim cannot have one, so skip the read.
        checkpoint: row.task.attempt === 0 ? null : this.#reader.document('checkpoint', rowId),
      }
      const claimed = commands.claim(row, node, documents, context)
      this.#writer.write(row)
      return claimed
    })
  }

  #areLanesAwake(now: number): boolean {
    return (this.#sql.isAwake.get(now) as unknown as [number])[0] === 1
  }

  /** What a claim takes of the plain queue and of the lanes. */
  #pick(
    { node, limit, types }: port.ClaimRequest,
    heads: readonly QueueHead[],
    now: number,
  ): readonly Pick<QueueHead, 'rowId'>[] {
    const plain = heads.map(({ queuePosition: position, ...head }) => ({ ...head, position }))
    const rows = new SqliteLanes(this.#sql, this.#counters, { node, now })
    const { picks, wakesAt } = readNow(
      pickTasks(rows, { node, now, limit, types, plain, round: this.#round }),
    )
    this.#wakesAt = wakesAt(rows.wakesAt())
    return picks.map((pick) => ('plain' in pick ? heads[pick.plain]! : { rowId: pick.place }))
  }

  /** Reads a row, runs a command on it and writes its changes. */
  #change<T>(id: TaskId, command: (row: TaskRow | undefined) => T): T {
    const read = this.#reader.row(id)
    if (read === undefined) return command(undefined)
    const row = rowOf(read)
    const answer = command(row)
    this.#writer.write(row)
    return answer
  }

  #changeAll<T>(read: unknown[], command: (rows: readonly TaskRow[]) => T): T {
    const rows = read.map(rowOf)
    const answer = command(rows)
    for (const row of rows) this.#writer.write(row)
    return answer
  }

  #slotsOf(id: TaskId): OccupiedSlot[] {
    const slots = this.#sql.slotsOf.all(id) as unknown as [number, NodeId, string][]
    return slots.map(([fence, node, type]) => ({ id, fence, node, type }))
  }

  /** False once its cancel was requested. */
  #keepOperation(operation: Operation): boolean {
    const { id, node } = operation
    const row = this.#sql.saveOperation.get(id, node, JSON.stringify(operation))
    this.#sql.forgetOperations.run(port.operationsKept)
    const [cancel] = row as unknown as [number]
    return cancel === 0
  }

  /** The same object for every call of the transaction: only its time changes. */
  #context() {
    this.#moment.now = this.#time.now()
    return this.#moment
  }

  /**
   * If the wall clock was set, delays keep their lengths. What they have followed is in the same commit, so one whose
   * response was lost is not repeated.
   */
  #followClock(): void {
    this.#clockMoved += this.#time.look()
    const by = this.#clockMoved - this.#delaysMoved
    if (by === 0) return
    this.#sql.moveDelays.run(by)
    this.#sql.moveSuspendedDelays.run(by)
    this.#sql.moveRates.run(by)
    this.#sql.moveExpiries.run(by)
    this.#sql.moveDeliveries.run(by)
    this.#sql.moveWaits.run(by)
    this.#sql.setClockMoved.run(this.#clockMoved)
    this.#delaysMoved = this.#clockMoved
  }

  /**
   * Nobody knows by how much the wall clock was set back while no process had this file: no remaining delay exceeds its full
   * length.
   */
  #boundDelays(now: number): void {
    this.#sql.boundDelays.run(now)
    this.#sql.boundSuspendedDelays.run(now)
    this.#sql.boundKeys.run(now)
    this.#sql.boundExpiries.run(now)
    this.#sql.boundWaits.run(now)
    this.#sql.boundDeliveries.run(now, longestRetry)
  }

  #read<T>(look: () => T): T {
    if (!this.#db.isOpen) {
      const why = this.#mayVanish
        ? 'The disk fails, and what it shows could be lost.'
        : 'The store is closed.'
      throw new StoreUnavailable(why, { unknown: false })
    }
    try {
      return look()
    } catch (error) {
      if (!isOfMedium(error)) throw error
      this.#commits.mistrust(error, look)
      throw refusalFor(error, false)
    }
  }

  /** On a full disk: the space of the reserve, and of what is in the log but not in the database yet. */
  #makeRoom(): boolean {
    this.#copy?.abort('the disk is full')
    const given = this.#reserve.giveUp()
    return this.#checkpoint() || given
  }

  #room(): 'again' | 'freed' | 'none' {
    const now = performance.now()
    if (now - this.#lookedForRoom > lookForRoomAfter) {
      this.#lookedForRoom = now
      if (this.#reserve.holdsAgain(this.#files.walSize)) return 'again'
    }
    if (this.#pragma('freelist_count') < pagesOfRoom) return 'none'
    // The log starts over: it cannot grow beyond the size that it had when the disk became full.
    this.#checkpoint()
    return 'freed'
  }

  /** True if the log had something that is in the database now. */
  #checkpoint(): boolean {
    try {
      const [moved] = this.#db.prepare('pragma wal_checkpoint(passive)').all() as unknown as Checkpoint[]
      return moved !== undefined && moved.log > 0 && moved.log === moved.checkpointed
    } catch (error) {
      if (isFull(error)) return false
      throw error
    }
  }

  /** The log never holds more than the reserve could checkpoint to the database. */
  #keepSmall(): void {
    this.#db.exec(`pragma wal_autocheckpoint = ${this.#reserve.checkpointAfter}`)
  }

  #pragma(name: string): number {
    return Number(this.#db.prepare(`pragma ${name}`).get()?.[name])
  }

  #flush(): void {
    this.#counters.flush()
    this.#outbox.flush(this.#sql)
    this.#sql.setSequence.run(this.#queuePosition)
  }

  #reload(): void {
    this.#counters.reload()
    this.#outbox.forget()
    this.#outbox.reload(this.#sql)
    this.#rowId = (this.#sql.maxNumber.get() as unknown as [number])[0]
    this.#queuePosition = (this.#sql.sequence.get() as unknown as [number])[0]
    this.#delaysMoved = (this.#sql.clockMoved.get() as unknown as [number])[0]
  }

  #reopen(doubt: unknown): DatabaseSync {
    if (isOfFlush(doubt)) this.#mayVanish = true
    // What is opened by name must be what was open: otherwise an empty one would be created in its place.
    const { loss } = this.#files
    if (loss !== undefined) throw loss
    this.#copy?.abort('the database was reopened')
    if (this.#db.isOpen) this.#db.close()
    if (this.#mayVanish) rewriteLog(this.#path)
    this.#mayVanish = false
    this.#db = connect(this.#path)
    this.#files = new Files(this.#path)
    this.#keepSmall()
    this.#sql = prepareAll(this.#db)
    this.#counters = new Counters(this.#sql)
    this.#reader = new Reader(this.#sql, this.#counters)
    this.#writer = new RowWriter(this.#sql, this.#counters, this.#outbox)
    return this.#db
  }
}

type KeyHolderRow = [
  id: TaskId,
  takenAt: number,
  lasts: number | null,
  status: Status,
  expiresAt: number | null,
]

/** The result of the pragma. */
type Checkpoint = Readonly<{ log: number; checkpointed: number }>

/** Minimum free pages for an attempt: a small group of submits fits in. */
const pagesOfRoom = 32

/** Milliseconds between attempts to restore the reserve. */
const lookForRoomAfter = 500

/** Maximum bytes of documents written on a full disk, so that running tasks can end and be deleted. */
const smallDocuments = 1_024

function effectOf(writes: readonly (Settlement | port.Save)[]): Effect {
  return writes.every((write) => sizeOf(write) <= smallDocuments) ? 'keeps' : 'adds'
}

function sizeOf(write: Settlement | port.Save): number {
  const { checkpoint = '', log = [] } = write
  const { steps = [] } = 'steps' in write ? write : {}
  const result = 'outcome' in write && write.outcome.kind === 'completed' ? write.outcome.result : ''
  const ofSteps = steps.reduce((sum, step) => sum + (step.result?.length ?? 0), 0)
  return log.reduce((sum, { text }) => sum + text.length, checkpoint.length + result.length + ofSteps)
}

function rowOf(read: unknown): TaskRow {
  const row = read as StoredRow
  return new TaskRow(rowIdOf(row), taskOf(row), isAwaited(row))
}
