import { closeSync } from 'node:fs'
import type { Audit } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import type { Operation } from '../../core/operation.ts'
import type { Move } from '../../core/transition.ts'
import { mustBeKept, type Settlement } from '../../core/outcome.ts'
import type { IdPart } from '../../core/short-id.ts'
import type { NodeId, Status, Submission, Task, TaskId, TimelineEntry } from '../../core/task.ts'
import { auditedTasks } from '../auditing.ts'
import { timelineOf } from '../codec.ts'
import type { LeaseRenewer } from '../sharing.ts'
import * as port from '../store.ts'
import * as commands from '../commands.ts'
import { addressOf } from './address.ts'
import { hold } from './claiming.ts'
import * as nodes from './nodes.ts'
import { PostgresAudit } from './audit.ts'
import { BatchExecutor } from './batch-executor.ts'
import { Commits, type ActJob, type CarryOut } from './commits.ts'
import { Connection } from './connection.ts'
import { Hints } from './hints.ts'
import { PostgresKeys } from './keys.ts'
import { PostgresLimits } from './limits.ts'
import { PostgresSchedules } from './schedules.ts'
import { Outbox } from './outbox.ts'
import { PostgresWebhooks } from './webhooks.ts'
import { PostgresWorkers } from './workers.ts'
import { PostgresFigures } from './figures.ts'
import { PostgresWaits } from './waits.ts'
import { KnownRows } from './row-cache.ts'
import { readCounts, readOldestQueued, QueueEstimate } from './counters.ts'
import { DatabaseTime } from './database-time.ts'
import { defaultSchema, migrateSchema } from './migrating.ts'
import { submitWithin } from './caller-transaction.ts'
import { keepLease, monotonicNow, openLeaseFile } from './lease-renewer.ts'
import { Lanes } from './lanes.ts'
import { briefRecord, countAhead, endedIn, failedIn, pageOf, shownOf, timelinesIn } from './listing.ts'
import { Reader } from './reader.ts'
import { mustBeEncodable, selectedCount, taskOf } from './rows.ts'
import { PostgresJoins } from './joins.ts'
import { releaseOf, successorsAtOnce } from './releasing.ts'
import { resolveId } from './resolving.ts'
import { PostgresSignals } from './signals.ts'
import { submitAll } from './submitting.ts'
import { readSteps } from './steps.ts'
import { statementsFor, type Statements } from './statements.ts'
import * as operations from './operations.ts'
import * as maintenance from './maintenance.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import type { Work } from './work.ts'

export type PostgresOptions = Readonly<{
  /** The schema of all tables; created if missing. Default: `?schema=` of the URL, or `fermata`. */
  schema?: string
  /** Milliseconds for which a node lives without a renewal. Default: `?lease=` of the URL, or 15,000. */
  lease?: number
  /** Ends the process if nothing else can stop code on the main thread at the end of the lease. Default: false. */
  endsProcess?: boolean
  /**
   * For single-process tests: replaces the clock of the database. Otherwise, all times in the database come from its clock,
   * so nodes need not agree on theirs.
   */
  clock?: Clock
}>

/** Opens the database, migrates its schema, and shares it with other nodes that have it open. */
export async function openPostgres(database: string, options: PostgresOptions = {}): Promise<port.Store> {
  const { servers, ...own } = addressOf(database)
  const { schema = defaultSchema, lease = 15_000, endsProcess = false, clock } = { ...own, ...options }
  await migrateSchema(servers, schema)
  const store = new PostgresStore(servers, { schema, lease, endsProcess, clock })
  try {
    await store.askTime()
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
  return store
}

type Opened = Readonly<{ schema: string; lease: number; endsProcess: boolean; clock: Clock | undefined }>

class PostgresStore implements port.Store {
  readonly capabilities: port.Capabilities
  readonly commits = new port.CommitMetrics()
  readonly shared: port.Shared
  readonly backup = null
  readonly keys: PostgresKeys
  readonly audit: PostgresAudit
  readonly schedules: PostgresSchedules
  readonly workers: PostgresWorkers
  readonly limits: PostgresLimits
  readonly webhooks: PostgresWebhooks
  readonly waits: PostgresWaits
  readonly figures: PostgresFigures
  readonly joins: PostgresJoins
  readonly #lease: number
  readonly #clock: Clock | undefined
  readonly #sql: Statements
  readonly #writing: Connection
  readonly #reading: Lanes
  readonly #settling: Connection
  /** Open only while calls wait for what others have locked. */
  readonly #waitingAside: Connection
  readonly #aside: Commits
  readonly #commits: Commits
  /**
   * Writes of running code. They name no task that other calls of this node could need, so they run in parallel: the tasks
   * of one claim are settled while the next ones are claimed.
   */
  readonly #settlements: Commits
  /**
   * The node claims types with a limit: a place under it is free once the settlement is written, and a claim comes after it.
   */
  #hasLimits = false
  readonly #reader: Reader
  readonly #signals: PostgresSignals
  readonly #waiting = new QueueEstimate()
  readonly #time = new DatabaseTime()
  readonly #outbox = new Outbox()
  /** Open only while there is something to deliver. */
  readonly #delivering: Connection
  readonly #deliveries: Commits
  /** Earliest possible start of nodes of this process. */
  readonly #begun = new Map<NodeId, number>()
  readonly #hints = new Hints()
  readonly #leaseFile = openLeaseFile()
  #closing: Promise<void> | undefined
  readonly #leaseRenewers: LeaseRenewer[] = []

  constructor(servers: readonly string[], { schema, lease, endsProcess, clock }: Opened) {
    this.#sql = statementsFor(schema)
    const source = {
      schema,
      sql: this.#sql,
      clock,
      time: this.#time,
      metrics: this.commits,
      outbox: this.#outbox,
    }
    this.capabilities = { lease }
    this.#signals = new PostgresSignals(servers, schema)
    this.shared = {
      signals: this.#signals,
      leaseFile: this.#leaseFile,
      renewLease: (node, news) => {
        const since = this.#begun.get(node) ?? monotonicNow()
        const renewer = keepLease(
          { servers, schema, node, lease, since, endsProcess, file: this.#leaseFile },
          news,
        )
        this.#leaseRenewers.push(renewer)
        return renewer
      },
      submitWithin: async (transaction, submissions, options) => {
        for (const submission of submissions) mustBeEncodable(submission)
        return submitWithin(transaction, { submissions, options }, source, this.#waiting)
      },
    }
    this.keys = new PostgresKeys({
      sql: this.#sql,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('keys', look),
    })
    this.audit = new PostgresAudit({
      sql: this.#sql,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('pages', look),
    })
    this.schedules = new PostgresSchedules({
      sql: this.#sql,
      clock,
      waiting: this.#waiting,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('schedules', look),
    })
    this.figures = new PostgresFigures({
      sql: this.#sql,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('figures', look),
    })
    this.workers = new PostgresWorkers({
      sql: this.#sql,
      clock,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('nodes', look),
    })
    this.waits = new PostgresWaits({
      sql: this.#sql,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('waits', look),
    })
    this.joins = new PostgresJoins({
      sql: this.#sql,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('tasks', look),
    })
    this.#lease = lease
    this.#clock = clock
    const executor = new BatchExecutor(
      this.#waiting,
      this.#hints,
      new KnownRows((node) => this.#begun.has(node)),
    )
    this.limits = new PostgresLimits({
      sql: this.#sql,
      now: () => this.now(),
      wakesAt: () => executor.wakesAt,
      alone: (run) => this.#alone(run),
      read: (look) => this.#reading.read('limits', look),
    })
    const opened = () => executor.forget()
    this.#writing = new Connection(servers, `fermata ${schema}`, { opened })
    this.#reading = new Lanes(servers, `fermata ${schema} reads`)
    this.#reader = new Reader(this.#reading)
    this.#settling = new Connection(servers, `fermata ${schema} settlements`, { opened })
    const carryOut: CarryOut = (tx, jobs, waits) => executor.carryOut(tx, jobs, waits)
    this.#waitingAside = new Connection(servers, `fermata ${schema} waits`)
    this.#aside = new Commits(this.#waitingAside, source, carryOut)
    this.#commits = new Commits(this.#writing, source, carryOut, this.#aside)
    this.#settlements = new Commits(this.#settling, source, carryOut, this.#aside)
    this.#delivering = new Connection(servers, `fermata ${schema} deliveries`)
    this.#deliveries = new Commits(this.#delivering, source, carryOut)
    this.webhooks = new PostgresWebhooks({
      sql: this.#sql,
      clock,
      outbox: this.#outbox,
      alone: (run) => this.#alone(run),
      aside: (run) => this.#deliveries.write({ stage: 'alone', run }),
      read: (look) => this.#reading.read('deliveries', look),
    })
  }

  /** Before it, the store knows no time. */
  async askTime(): Promise<void> {
    const [row] = await this.#reading.read('time', (session) => session.query(this.#sql.now))
    this.#time.learn(row![0] as number)
  }

  now(): number {
    return this.#clock?.now() ?? this.#time.now()
  }

  /**
   * Resolved before a claim of the same commit, so that its listeners see the submit first. Being `async` would delay it by
   * one step.
   */
  submit(submissions: readonly Submission[], options: port.SubmitOptions): Promise<port.Submitted> {
    try {
      for (const submission of submissions) mustBeEncodable(submission)
    } catch (error) {
      return Promise.reject(error)
    }
    const call = { submissions, options }
    // It waits for the locks of its predecessors, which others of a group would wait for too.
    if (commands.predecessorsOf(submissions).length > 0)
      return this.#alone(async (tx) => (await submitAll(tx, [call], this.#waiting))[0]!)
    return this.#commits.write({ stage: 'submit', call })
  }

  async claim(request: port.ClaimRequest): Promise<readonly port.Claimed[]> {
    try {
      this.#hasLimits ||= request.types.some(({ concurrency }) => concurrency !== null)
      const claimed = await this.#commits.write<readonly port.Claimed[]>({ stage: 'claim', request })
      this.#hints.learn(claimed)
      return claimed
    } catch (error) {
      this.#hints.forget()
      throw error
    }
  }

  async settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly port.Settled[]> {
    settlements.forEach(mustBeKept)
    return this.#act({
      ids: idsOf(settlements),
      places: settlements.filter(commands.mayQueue).length,
      ours: true,
      act: (work) =>
        settlements.map((settlement) =>
          commands.settle(work.row(settlement.id), node, settlement, work.context),
        ),
    })
  }

  async save(node: NodeId, saves: readonly port.Save[]): Promise<readonly boolean[]> {
    saves.forEach(mustBeKept)
    return this.#act({
      ids: idsOf(saves),
      ours: true,
      act: (work) => saves.map((save) => commands.save(work.row(save.id), node, save, work.context)),
    })
  }

  control(list: readonly port.Command[], audit?: Audit): Promise<readonly port.Controlled[]> {
    return this.#act({
      ids: idsOf(list),
      places: list.filter(({ control }) => control === 'resume' || control === 'retry').length,
      fencedOff: list.some(({ control }) => control === 'retry'),
      act: (work) => {
        const answers = list.map((command) => {
          const codeAlive = command.control === 'retry' && work.holdsSlot(command.id)
          const row = work.row(command.id)
          const keyHolder = row === undefined ? undefined : work.keyHolder(row)
          return commands.control(row, command, { codeAlive, keyHolder }, work.context)
        })
        work.record(auditedTasks(audit, commands.controlledTasks(list, answers)))
        return answers
      },
    })
  }

  unpark(node: NodeId, copies: readonly port.Copy[]): Promise<readonly Move[]> {
    return this.#act({
      ids: idsOf(copies),
      act: (work) => copies.flatMap((copy) => commands.unpark(work.row(copy.id), node, copy, work.context)),
    })
  }

  releaseSlots(node: NodeId, copies: readonly port.Copy[]): Promise<void> {
    return this.#act({
      ids: idsOf(copies),
      fencedOff: true,
      ours: true,
      act: (work) => work.release(commands.releasedSlots(work.slots, node, copies)),
    })
  }

  promote(limit: number): Promise<port.Promoted> {
    return this.#alone((tx) => maintenance.promote(tx, limit, this.#waiting))
  }

  async preempt(request: port.PreemptRequest): Promise<readonly Task[]> {
    if (request.rules.size === 0) return []
    const [row] = await this.#reading.read('tasks', (session) =>
      session.query(this.#sql.anyUrgent, [request.types.map(({ type }) => encodeText(type))]),
    )
    if (row?.[0] !== true) return []
    return this.#alone((tx) => maintenance.preempt(tx, request))
  }

  async expire(limit: number): Promise<port.Expired> {
    const [row] = await this.#reading.read('tasks', (session) =>
      session.query(this.#sql.expiresIn, [this.#clock?.now() ?? null]),
    )
    const dueIn = (row?.[0] ?? null) as number | null
    if (dueIn !== 0) return { moved: [], dueIn }
    return this.#alone((tx) => maintenance.expire(tx, limit))
  }

  async release(limit: number): Promise<port.Released> {
    const most = Math.min(limit, successorsAtOnce)
    const [ended, [any]] = await this.#reading.read('successors', (session) =>
      Promise.all([session.query(this.#sql.ended, [most]), session.query(this.#sql.anyEdges)]),
    )
    const anyWaits = any?.[0] === true
    if (ended.length === 0) return { moved: [], more: false, anyWaits }
    return { ...(await this.#act(releaseOf(ended, most))), anyWaits }
  }

  async predecessors(id: TaskId, limit: number): Promise<readonly Task[]> {
    const rows = await this.#reading.read('successors', (session) =>
      session.query(this.#sql.predecessors, [encodeText(id), limit]),
    )
    return rows.map(taskOf)
  }

  async successors(id: TaskId, limit: number): Promise<readonly Task[]> {
    const rows = await this.#reading.read('successors', (session) =>
      session.query(this.#sql.waitingFor, [encodeText(id), limit]),
    )
    return rows.map(taskOf)
  }

  async children(id: TaskId): Promise<port.ChildCounts> {
    const rows = await this.#reading.read('successors', (session) =>
      session.query(this.#sql.children, [encodeText(id)]),
    )
    return Object.fromEntries(rows as readonly [Status, number][])
  }

  startNode(node: port.NodeInfo): Promise<void> {
    this.#begun.set(node.id, monotonicNow())
    return this.#alone(async (tx) => nodes.startNode(tx, node, this.#lease))
  }

  reap(options: port.ReapOptions): Promise<readonly Move[]> {
    return this.#alone((tx) => maintenance.reap(tx, options))
  }

  endNode(node: NodeId): Promise<void> {
    return this.#alone(async (tx) => nodes.endNode(tx, node))
  }

  nodes(): Promise<readonly port.LiveNode[]> {
    return this.#reading.read('nodes', (session) => nodes.liveNodes(session, this.#sql, this.#clock))
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#alone((tx) => maintenance.prune(tx, retention, limit))
  }

  purge(
    ids: readonly TaskId[],
    statuses?: readonly Status[],
    audit?: Audit,
  ): Promise<readonly port.Purged[]> {
    return this.#act({
      ids,
      links: true,
      act: (work) => {
        const answers = ids.map((id) => commands.purge(work.row(id), statuses, work.isKept(id)))
        work.record(auditedTasks(audit, commands.purgedTasks(ids, answers)))
        return answers
      },
    })
  }

  hold(type: string, held: boolean, by: string, audit?: Origin): Promise<boolean> {
    return this.#alone((tx) => hold(tx, { type, held, by, audit }))
  }

  beginOperation(operation: Operation, audit?: Origin): Promise<Operation> {
    return this.#alone((tx) => operations.beginOperation(tx, operation, audit))
  }

  saveOperation(operation: Operation): Promise<boolean> {
    return this.#alone((tx) => operations.saveOperation(tx, operation))
  }

  operation(id: string, options: port.OperationOptions = { cancel: false }): Promise<Operation | null> {
    return this.#alone((tx) => operations.operation(tx, id, options))
  }

  list(query: port.Query): Promise<port.Page<port.ListedTask>> {
    return this.#reading.read('pages', (session) =>
      pageOf(session, this.#sql, query, (record) => ({ entry: record, shown: shownOf(record) })),
    )
  }

  find(query: port.Query): Promise<port.Page<TaskId>> {
    return this.#reading.read('pages', (session) =>
      pageOf(session, this.#sql, query, ({ task }) => ({ entry: task.id, shown: 0 })),
    )
  }

  failed(query: port.FailedQuery): Promise<port.FailedPage> {
    return this.#reading.read('pages', (session) => failedIn(session, this.#sql, query))
  }

  ended(query: port.EndedQuery): Promise<port.EndedPage> {
    return this.#reading.read('pages', (session) => endedIn(session, this.#sql, query))
  }

  timelines(ids: readonly TaskId[]): Promise<ReadonlyMap<TaskId, readonly TimelineEntry[]>> {
    return this.#reading.read('pages', (session) => timelinesIn(session, this.#sql, ids))
  }

  resolve(part: IdPart, limit: number): Promise<readonly TaskId[]> {
    return this.#reading.read('pages', (session) => resolveId(session, this.#sql, part, limit))
  }

  ahead(place: port.QueuePosition, types: readonly string[], limit: number): Promise<number> {
    return this.#reading.read('pages', (session) => countAhead(session, this.#sql, place, types, limit))
  }

  oldestQueued(types: readonly string[]): Promise<Readonly<Record<string, number>>> {
    return this.#reading.read('pages', (session) =>
      readOldestQueued(session, this.#sql, types, this.#clock?.now() ?? null),
    )
  }

  async get(id: TaskId): Promise<Task | null> {
    const row = await this.#reader.row(this.#sql.tasksById, id)
    return row === null ? null : taskOf(row)
  }

  async read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<port.TaskRecord | null> {
    const brief = options?.brief === true
    const row = await this.#reader.row(brief ? this.#sql.briefById : this.#sql.recordById, id)
    if (row === null) return null
    if (brief) return briefRecord(row)
    const { task, parameters } = briefRecord(row)
    const document = (index: number) => {
      const text = row[selectedCount + index] as string | null
      return text === null ? null : decodeText(text)
    }
    const timeline = timelineOf(row[selectedCount + 3] as string)
    return { task, parameters, checkpoint: document(1), result: document(2), timeline }
  }

  async log(id: TaskId, after: number, limit: number): Promise<readonly port.NumberedLine[] | null> {
    if ((await this.get(id)) === null) return null
    const rows = await this.#reading.read('tasks', (session) =>
      session.query(this.#sql.log, [encodeText(id), after, limit]),
    )
    return rows.map(([number, at, attempt, line]) => ({
      number: number as number,
      at: at as number,
      attempt: attempt as number,
      text: decodeText(line as string),
    }))
  }

  async steps(id: TaskId, query: port.StepQuery): Promise<port.StepPage | null> {
    const page = await this.#reading.read('tasks', (session) => readSteps(session, this.#sql, id, query))
    return page.steps.length === 0 && (await this.get(id)) === null ? null : page
  }

  counts(): Promise<port.Counts> {
    return this.#reading.read('counts', (session) => readCounts(session, this.#sql))
  }

  /** The locks of a submit, and a commit that must be flushed. */
  probe(): Promise<void> {
    return this.#alone(async (tx) => {
      await tx.ask(this.#sql.probe)
      tx.leaveMark()
    })
  }

  /** Safe to call twice: after the first time, the descriptor of the lease file may belong to something else. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([this.#commits.close(), this.#settlements.close(), this.#deliveries.close()])
    await this.#aside.close()
    await Promise.all([
      this.#writing.close(),
      this.#settling.close(),
      this.#waitingAside.close(),
      this.#delivering.close(),
      this.#reading.close(),
      this.#signals[Symbol.asyncDispose](),
    ])
    // No renewer may write to a descriptor that belongs to something else by then; a thread that takes long to end is
    // not awaited.
    void Promise.all(this.#leaseRenewers.map((renewer) => renewer[Symbol.asyncDispose]())).then(() =>
      closeSync(this.#leaseFile),
    )
  }

  #act<T>(act: Readonly<{ ids: readonly TaskId[]; act: (work: Work) => T } & Partial<ActJob>>): Promise<T> {
    const commits = act.ours === true && !this.#hasLimits ? this.#settlements : this.#commits
    return commits.write({
      stage: 'act',
      places: 0,
      fencedOff: false,
      ours: false,
      ...act,
    })
  }

  #alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#commits.write({ stage: 'alone', run })
  }
}

function idsOf(list: readonly Readonly<{ id: TaskId }>[]): TaskId[] {
  return list.map(({ id }) => id)
}
