import { randomBytes } from 'node:crypto'
import { Access } from '../access/access.ts'
import type { AuditFilter } from '../core/audit.ts'
import { fromLibrary, withReason, type Caller, type Origin } from '../core/caller.ts'
import { sleep } from '../core/clock.ts'
import {
  BackupUnsupported,
  DocumentUnreadable,
  ShuttingDown,
  StoreUnavailable,
  TaskIdAmbiguous,
  TaskUnknown,
} from '../core/errors.ts'
import type { Filter, Searched } from '../core/filter.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import { idPartOf } from '../core/short-id.ts'
import type { Control, Task, TaskId } from '../core/task.ts'
import { Bus } from '../journal/bus.ts'
import { Journal } from '../journal/journal.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Registry } from '../registry/registry.ts'
import type { TaskType } from '../registry/type.ts'
import type { Executor } from '../execution/executors/executor.ts'
import {
  logLimit,
  type StepPage,
  type BackupFile,
  type Counts,
  type LiveNode,
  type NumberedLine,
  type Store,
  type TaskRecord,
  type TypeLimit,
} from '../store/store.ts'
import type * as api from './api.ts'
import { stepsAtOnce } from '../execution/stored-steps.ts'
import { Attempts } from '../execution/attempts.ts'
import { Throttle } from '../core/throttle.ts'
import { throttledLogger } from './logger-throttle.ts'
import { allEvents, type Change } from './all-events.ts'
import { childrenOf } from './children.ts'
import { CallerTransactions } from './caller-transactions.ts'
import { Claimer, mostAtOnce } from '../scheduling/claimer.ts'
import { Controls } from './controls.ts'
import { drain } from '../execution/drain.ts'
import { Completions } from './completion.ts'
import { listEntries, type AuditListPage, type AuditOptions } from './audit.ts'
import type { Explanation } from './explain.ts'
import { familyOf, type Family, type FamilyOptions, type FamilyView } from './family.ts'
import { groupFailures, type FailureGroups, type FailureOptions } from './failures.ts'
import { Limits, type LimitsApi } from './limits.ts'
import { AllowedAddresses, publicRange } from '../delivery/addresses.ts'
import { Deliverer } from '../delivery/deliverer.ts'
import { senderOf } from '../delivery/sender.ts'
import { ClusterSync } from '../cluster/sync.ts'
import { taskEvents } from './task-events.ts'
import { TaskHandle } from './handle.ts'
import { listTasks, type ListOptions, type TaskPage } from './lists.ts'
import { OnBehalf, type Engine } from './on-behalf.ts'
import type { ManagerOptions } from './options.ts'
import { BulkOperations } from './bulk.ts'
import type { History, Span } from './rates.ts'
import { searchedIn, seesSensitive, shownDelivery } from './redacting.ts'
import { Readiness } from './readiness.ts'
import { Reports, type NodeState, type Stats } from './reports.ts'
import { listRuns, type Runs, type RunsOptions } from './runs.ts'
import { CheckpointFlusher } from '../execution/checkpoint-flusher.ts'
import { Submitter } from './submitter.ts'
import { TaskMetrics, type NodeMetrics } from './task-metrics.ts'
import { NodeLease } from '../cluster/node-lease.ts'
import { Maintenance } from '../scheduling/maintenance.ts'
import { Preemptor } from '../scheduling/preemptor.ts'
import { Releaser } from '../scheduling/releaser.ts'
import { Scheduler } from '../scheduling/scheduler.ts'
import { scheduledSubmission } from './schedule-definition.ts'
import { Schedules } from './schedules.ts'
import type { SchedulesApi } from './schedules-api.ts'
import { Waits, type WaitsApi } from './waits.ts'
import { Webhooks, type WebhooksApi } from './webhooks.ts'
import { Workers } from './workers.ts'
import type { WorkersApi } from './workers-api.ts'

/** Milliseconds between attempts to take over a database that is not writable. */
const recoverAgainAfter = 1_000
/** Milliseconds for which a remote worker keeps a task without a beat. */
const workerLease = 30_000
/** Milliseconds for which deliveries are kept. */
const webhookRetention = 604_800_000

/** One node's engine: takes commands, runs what it claims, and is the only writer of outcomes. */
export class TaskManager implements Engine, AsyncDisposable {
  readonly registry: Registry
  readonly access: Access
  readonly #options: ManagerOptions
  readonly #store: Store
  readonly #searched: Searched
  readonly #lease: NodeLease
  readonly #bus: Bus
  readonly #flusher: CheckpointFlusher
  readonly #attempts: Attempts
  readonly #claimer: Claimer
  readonly #maintenance: Maintenance
  readonly #releaser: Releaser
  readonly #preemptor: Preemptor
  readonly #scheduler: Scheduler
  readonly #schedules: Schedules
  readonly #workers: Workers
  readonly #limits: Limits
  readonly #webhooks: Webhooks
  readonly #waits: Waits
  readonly #deliverer: Deliverer
  readonly #callerTransactions: CallerTransactions
  readonly #submitter: Submitter
  readonly #controls: Controls
  readonly #bulk: BulkOperations
  readonly #reports: Reports
  readonly #sync: ClusterSync | undefined
  readonly #completions: Completions
  readonly #metrics = new TaskMetrics()
  readonly #readiness: Readiness
  readonly #streams = new AbortController()
  readonly #closed = new AbortController()
  #phase: NodeState['phase'] = 'starting'
  #closing: Promise<void> | undefined
  #recovering: Promise<void> | undefined

  private constructor(options: ManagerOptions) {
    const { store, registry, executor, clock, logger, newId, types } = options
    const { maxConcurrent: slots, version, host, pid, leaseLost = () => undefined } = options
    this.registry = registry
    this.access = new Access({
      keys: store.keys,
      clock,
      logger,
      now: () => store.now(),
      shared: store.shared !== null,
      adminKey: options.adminKey,
      requireKeys: options.requireKeys,
      rateLimit: options.keyRateLimit,
    })
    this.#options = options
    this.#store = store
    this.#searched = searchedIn(registry)
    const journal = new Journal(logger)
    const bus = new Bus((error) => logger.error({ err: error }, 'an event listener threw'))
    const closed = this.#closed.signal
    const { tracing } = options
    const base = { store, registry, clock, logger, journal, bus, closed, newId }
    const info = { slots, types, version, host, pid }
    const lease = new NodeLease({ ...base, info, leaseLost })
    const common = { ...base, tenant: lease }
    this.#flusher = new CheckpointFlusher(store, lease, clock, logger)
    // Log lines per type, and the milliseconds of an interval.
    const failures = new Throttle(20, 10_000)
    const { maxParked, random, cancelGrace } = options
    this.#attempts = new Attempts({
      ...common,
      executor,
      children: { spawn: (...args) => children.spawn(...args) },
      flusher: this.#flusher,
      failures,
      random,
      cancelGrace,
      slots,
      maxParked,
      tracing,
    })
    const claims = { types: startableTypes(registry, types, executor), most: mostAtOnce(store, slots) }
    this.#claimer = new Claimer({ ...common, slots: this.#attempts, ...claims })
    const claimer = this.#claimer
    this.#maintenance = new Maintenance({
      ...common,
      retention: options.retention,
      auditRetention: options.auditRetention,
      poisonLimits: registry.poisonLimits,
      reaped: () => this.#workers.find(),
    })
    this.#releaser = new Releaser(common)
    this.#preemptor = new Preemptor({
      ...common,
      types: claims.types,
      rules: registry.preemptionRules,
      signals: store.shared?.signals,
    })
    this.#callerTransactions = new CallerTransactions({ ...common, claimer })
    this.#limits = new Limits({ ...common, claimer })
    const allowed = new AllowedAddresses(options.webhookAllow ?? [publicRange])
    this.#deliverer = new Deliverer({
      ...common,
      random: options.random,
      send: options.send ?? senderOf({ allowed, version }),
      shown: (delivery) => shownDelivery(delivery, registry, (id) => store.read(id)),
      retention: options.webhookRetention ?? webhookRetention,
      tracing,
    })
    this.#webhooks = new Webhooks({ store, allowed, deliverer: this.#deliverer })
    this.#waits = new Waits(common)
    this.#submitter = new Submitter({
      ...common,
      webhooks: this.#webhooks,
      limits: this.#limits,
      claimer,
      callerTransactions: this.#callerTransactions,
      maxQueued: options.maxQueued,
      refused: (type) => this.#metrics.refused(type),
      mustTakeWork: () => this.#mustTakeWork(),
      tracing,
    })
    const children = childrenOf({
      registry,
      submitter: this.#submitter,
      learn: (type) => this.learn(type),
      newId,
    })
    const workers = new Workers({
      ...common,
      claimer,
      random,
      newSecret: () => randomBytes(32).toString('base64url'),
      lease: options.workerLease ?? workerLease,
      cancelGrace,
      mustTakeWork: () => this.#mustTakeWork(),
    })
    this.#workers = workers
    const others = {
      kick() {
        claimer.kick()
        workers.kick()
      },
    }
    this.#sync =
      store.shared === null
        ? undefined
        : new ClusterSync({
            ...common,
            signals: store.shared.signals,
            code: this.#attempts,
            claimer: others,
            types,
          })
    this.#controls = new Controls({ ...common, claimer, sync: this.#sync })
    this.#bulk = new BulkOperations({
      ...common,
      access: this.access,
      controls: this.#controls,
      searched: this.#searched,
    })
    const { maxQueued, retention } = options
    this.#scheduler = new Scheduler({
      ...common,
      claimer,
      types: () => registry.known,
      maxQueued,
      retention,
      submission: (schedule, id) => scheduledSubmission(registry, schedule, id),
      cancel: async (ids, by) => {
        await this.#controls.act(
          ids.map((id) => ({ id, control: 'cancel', by, why: 'the next tick is due' })),
          undefined,
        )
      },
    })
    this.#schedules = new Schedules({
      ...common,
      claimer,
      scheduler: this.#scheduler,
      maxQueued,
      limits: this.#limits,
      webhooks: this.#webhooks,
      mustTakeWork: () => this.#mustTakeWork(),
    })
    this.#reports = new Reports({ ...common, node: this, workers, version })
    this.#readiness = new Readiness(store, clock)
    this.#completions = new Completions(store, bus)
    this.#bus = bus
    this.#lease = lease
    // The order in which a move is published: first the submit of its task, then counters, streams, execution,
    // scheduling and other nodes.
    journal.subscribe(this.#callerTransactions, this.#reports, this.#metrics, bus, this.#attempts)
    journal.subscribe(
      this.#maintenance,
      this.#releaser,
      this.#preemptor,
      this.#scheduler,
      claimer,
      workers,
      this.#deliverer,
      ...(this.#sync === undefined ? [] : [this.#sync]),
    )
    lease.subscribe(this.#attempts, claimer)
    this.#attempts.subscribe(claimer)
  }

  /**
   * Takes over what earlier nodes left, and starts to claim. If an embedded database is not writable, because the disk is
   * full, it is only read until it is; everything else follows then.
   */
  static async open(options: ManagerOptions): Promise<TaskManager> {
    const { store } = options
    const logger = throttledLogger(options.logger, options.clock)
    const manager = new TaskManager({ ...options, logger })
    try {
      await manager.access.refresh()
      await manager.#recover(() => manager.#lease.begin())
    } catch (error) {
      if (store.capabilities.lease !== null || !(error instanceof StoreUnavailable)) throw error
      logger.warn({ err: error }, 'the database is not writable: serving reads only until it is')
      manager.#recovering = manager.#recoverLater()
    }
    return manager
  }

  get state(): NodeState {
    return {
      id: this.#lease.node,
      phase: this.#phase,
      maxConcurrent: this.#options.maxConcurrent,
      slotsInUse: this.#attempts.slotsInUse,
      parked: this.#attempts.parked,
      loop: this.#options.loopDelay(),
    }
  }

  /** Submits with parameters and result typed by the definition, which must belong to this manager. */
  async submit<Input, State, Result>(
    type: TaskType<Input, State, Result>,
    parameters: Input,
    { tx, ...options }: api.OwnSubmitOptions = {},
  ): Promise<TaskHandle<Result>> {
    this.registry.mustHave(type)
    const { task } = await this.#submitter.submit(type.type, parameters, options, fromLibrary, tx)
    return new TaskHandle<Result>(task.id, this)
  }

  /** Submits one task for each set of parameters, all or nothing. */
  async submitAll<Input, State, Result>(
    type: TaskType<Input, State, Result>,
    list: readonly Input[],
    { tx, ...options }: Omit<api.OwnSubmitOptions, 'idempotencyKey'> = {},
  ): Promise<TaskHandle<Result>[]> {
    this.registry.mustHave(type)
    if (list.length === 0) return []
    const drafts = list.map((parameters) => ({ parameters, options }))
    const accepted = await this.#submitter.submitAll(type.type, drafts, fromLibrary, tx)
    return accepted.map(({ task }) => new TaskHandle<Result>(task.id, this))
  }

  async resolve(text: string): Promise<TaskId> {
    const found = await this.candidates(text, 11)
    if (found === undefined) return text
    if (found.length > 1) throw new TaskIdAmbiguous(text, found)
    return found[0] ?? unknown(text)
  }

  async candidates(text: string, limit: number): Promise<readonly TaskId[] | undefined> {
    const part = idPartOf(text)
    return part === undefined ? undefined : this.#store.resolve(part, limit)
  }

  /** A handle for an existing task, by its id or a unique part of it. Throws `TaskUnknown` and `TaskIdAmbiguous`. */
  async handle<Result = unknown>(text: TaskId): Promise<TaskHandle<Result>> {
    const id = await this.resolve(text)
    if ((await this.#store.get(id)) === null) throw new TaskUnknown(id)
    return new TaskHandle<Result>(id, this)
  }

  get schedules(): SchedulesApi {
    return this.#schedules.for(fromLibrary, true)
  }

  get limits(): LimitsApi {
    return this.#limits.for(fromLibrary)
  }

  limitsFor(origin: Origin): LimitsApi {
    return this.#limits.for(origin)
  }

  get webhooks(): WebhooksApi {
    return this.#webhooks.for(fromLibrary)
  }

  webhooksFor(origin: Origin): WebhooksApi {
    return this.#webhooks.for(origin)
  }

  get waits(): WaitsApi {
    return this.#waits.for(fromLibrary, true)
  }

  waitsFor(origin: Origin): WaitsApi {
    return this.#waits.for(origin, seesSensitive(origin.caller))
  }

  schedulesFor(origin: Origin): SchedulesApi {
    return this.#schedules.for(origin, seesSensitive(origin.caller))
  }

  get workers(): WorkersApi {
    return this.#workers.for(fromLibrary)
  }

  workersFor(origin: Origin): WorkersApi {
    return this.#workers.for(origin)
  }

  learn(type?: string): Promise<void> {
    return this.#workers.learn(type)
  }

  as(caller: Caller, requestId?: string): api.TaskManagerApi {
    return new OnBehalf(this, caller, requestId)
  }

  enqueue(
    type: string,
    parameters: unknown,
    options: api.SubmitOptions = {},
    origin: Origin = fromLibrary,
  ): Promise<api.Accepted> {
    return this.#knowing(type, () => this.#submitter.submit(type, parameters, options, origin))
  }

  enqueueAll(
    type: string,
    drafts: readonly api.Draft[],
    origin: Origin = fromLibrary,
  ): Promise<readonly api.Accepted[]> {
    return this.#knowing(type, () => this.#submitter.submitAll(type, drafts, origin))
  }

  ended(id: TaskId, { signal }: Readonly<{ signal?: AbortSignal }> = {}): Promise<Task> {
    return this.#completions.of(id, signal)
  }

  async brief(id: TaskId): Promise<TaskRecord> {
    return readable((await this.#store.read(id, { brief: true })) ?? unknown(id))
  }

  async details(id: TaskId): Promise<TaskRecord> {
    return readable((await this.#store.read(id)) ?? unknown(id))
  }

  control(
    id: TaskId,
    control: Control,
    options: api.ControlOptions = {},
    origin: Origin = fromLibrary,
  ): Promise<Task> {
    return this.#controls.control(id, control, options, origin)
  }

  events(id: TaskId, options: api.EventOptions = {}): AsyncIterable<TaskEvent> {
    return taskEvents(this.#store, this.#bus, id, { ...options, signal: this.#untilClosed(options.signal) })
  }

  changes(filter: Filter = {}, { signal }: Readonly<{ signal?: AbortSignal }> = {}): AsyncIterable<Change> {
    const look = (id: TaskId) => this.#store.read(id, { brief: true })
    return allEvents(this.#bus, filter, {
      signal: this.#untilClosed(signal),
      look,
      searched: this.#searched,
      clock: this.#options.clock,
    })
  }

  list(filter: Filter = {}, options: ListOptions = {}): Promise<TaskPage> {
    return listTasks(this.#store, this.#options.clock, this.#searched, filter, options)
  }

  async explain(id: TaskId): Promise<Explanation> {
    await this.#workers.learn()
    return this.#reports.explain(id)
  }

  purge(id: TaskId, { reason }: api.ReasonOptions = {}, origin: Origin = fromLibrary): Promise<void> {
    return this.#controls.purge(id, withReason(origin, reason))
  }

  async hold(
    type: string,
    held = true,
    { reason }: api.ReasonOptions = {},
    origin: Origin = fromLibrary,
  ): Promise<void> {
    this.registry.get(type)
    await this.#store.hold(type, held, origin.caller.name, withReason(origin, reason))
    if (held) return
    this.#claimer.kick()
    this.#workers.released(type)
  }

  bulk(
    action: BulkAction,
    filter: Filter,
    { reason, ...options }: api.BulkOptions = {},
    origin: Origin = fromLibrary,
  ): Promise<Operation> {
    return this.#bulk.start(action, filter, options, withReason(origin, reason))
  }

  operation(id: string): Promise<Operation> {
    return this.#bulk.get(id)
  }

  cancelOperation(
    id: string,
    wait = 0,
    { reason }: api.ReasonOptions = {},
    origin: Origin = fromLibrary,
  ): Promise<Operation> {
    return this.#bulk.cancel(id, wait, withReason(origin, reason))
  }

  failures(filter: Omit<Filter, 'text'> = {}, options: FailureOptions = {}): Promise<FailureGroups> {
    return groupFailures(this.#store, this.#options.clock, filter, options)
  }

  runs(filter: Omit<Filter, 'text'> = {}, options: RunsOptions = {}): Promise<Runs> {
    return listRuns(this.#store, this.#options.clock, filter, options)
  }

  audit(filter: AuditFilter = {}, options: AuditOptions = {}): Promise<AuditListPage> {
    return listEntries(this.#store.audit, this.#options.clock, filter, options)
  }

  stats(): Promise<Stats> {
    return this.#reports.stats()
  }

  backup(): Promise<BackupFile> {
    return this.#store.backup?.() ?? Promise.reject(new BackupUnsupported())
  }

  async metrics(): Promise<NodeMetrics> {
    const { commits } = this.#store
    const { types } = this.#metrics
    const { age: leaseAge, lost: leasesLost } = this.#lease
    const tasks = await this.#taskMetrics()
    const deliveries = this.#deliverer.counts
    return { tasks, types, commits, leaseAge, leasesLost, remoteWorkers: this.#workers.live, deliveries }
  }

  history(span: Span, type?: string): Promise<History> {
    return this.#reports.history(span, type)
  }

  nodes(): Promise<readonly LiveNode[]> {
    return this.#store.nodes()
  }

  async log(id: TaskId, options: api.LogOptions = {}): Promise<readonly NumberedLine[]> {
    const { after = 0, limit = logLimit } = options
    return (await this.#store.log(id, after, limit)) ?? unknown(id)
  }

  async steps(id: TaskId, options: api.StepsOptions = {}): Promise<StepPage> {
    const { after = 0, limit = stepsAtOnce.limit } = options
    const page = (await this.#store.steps(id, { ...stepsAtOnce, after, limit })) ?? unknown(id)
    const why = page.steps.find(({ unreadable }) => unreadable !== undefined)?.unreadable
    if (why !== undefined) throw new DocumentUnreadable((await this.#store.get(id)) ?? unknown(id), why)
    return page
  }

  async family(id: TaskId, options: FamilyOptions = {}, view?: FamilyView): Promise<Family> {
    const task = (await this.#store.get(id)) ?? unknown(id)
    const list = (filter: Filter, of: ListOptions) => this.list(filter, of)
    return familyOf({ store: this.#store, list }, task, options, view)
  }

  async trouble(): Promise<string | null> {
    if (this.#phase === 'draining' || this.#phase === 'closed') return `It is ${this.#phase}.`
    return (await this.#readiness.trouble()) ?? (this.#phase === 'ready' ? null : 'It is starting up.')
  }

  counts(): Promise<Counts> {
    return this.#store.counts()
  }

  /**
   * Drains: claims nothing more, lets handlers reach a pause point, aborts them shortly before the time is up, and releases
   * everything to the store. Safe to call twice. `drain`: seconds for it, instead of the configured time.
   */
  close({ drain }: Readonly<{ drain?: number }> = {}): Promise<void> {
    this.#closing ??= this.#close(drain === undefined ? this.#options.drain : drain * 1_000)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #recoverLater(): Promise<void> {
    const { clock, logger } = this.#options
    while (this.#phase === 'starting') {
      await sleep(clock, recoverAgainAfter)
      if (this.#phase !== 'starting') return
      try {
        await this.#recover(() => this.#lease.beginAgain())
        logger.info({}, 'the database is writable again: accepting work')
        return
      } catch (error) {
        logger.warn({ err: error }, 'the database is still not writable; retrying')
      }
    }
  }

  async #recover(begin: () => Promise<void>): Promise<void> {
    const { schedules = [] } = this.#options
    await this.#schedules.mustKnowLimits(schedules)
    await begin()
    if (this.#options.startHeld === true) {
      for (const type of this.registry.names) await this.#store.hold(type, true, 'startup')
      this.#options.logger.info({ types: this.registry.names }, 'all types are held until they are released')
    }
    await this.#limits.declare()
    await this.#maintenance.reap()
    await this.#schedules.reconcile(schedules)
    // It may have been closed in the meantime.
    if (this.#phase !== 'starting') return
    this.#phase = 'ready'
    this.#claimer.kick()
    this.#maintenance.start()
    this.#releaser.start()
    this.#preemptor.start()
    this.#scheduler.start()
    this.#workers.start()
    this.#deliverer.start()
    this.#reports.start()
    this.#sync?.start()
  }

  now(): number {
    return this.#store.now()
  }

  /** Submits at once if the type is known, as it is except for types of new remote workers. */
  #knowing<T>(type: string, submit: () => Promise<T>): Promise<T> {
    return this.registry.find(type) === undefined ? this.learn(type).then(submit) : submit()
  }

  /** A store that does not answer must not hide everything else. */
  async #taskMetrics(): Promise<NodeMetrics['tasks']> {
    const { logger } = this.#options
    try {
      const counts = await this.#store.counts()
      const queued = Object.keys(counts.byType).filter((type) => counts.byType[type]!.queued !== undefined)
      const oldestQueued = await this.#store.oldestQueued(queued)
      const limits = await this.#store.limits.list()
      const pendingDeliveries = await this.#store.webhooks.depth()
      const scheduleLag = await this.#store.schedules.lag()
      return { counts, oldestQueued, limits, scheduleLag, pendingDeliveries }
    } catch (error) {
      logger.debug({ err: error }, 'could not count tasks for the metrics')
      return null
    }
  }

  #mustTakeWork(): void {
    if (this.#phase === 'starting') {
      throw new StoreUnavailable(
        'The database has not been writable since startup. Nothing was recorded. Try again later.',
        { unknown: false },
      )
    }
    if (this.#phase !== 'ready') throw new ShuttingDown()
  }

  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    const closing = this.#streams.signal
    // Always a separate one: thousands of listeners on one signal are slow to add and remove.
    return AbortSignal.any(signal === undefined ? [closing] : [signal, closing])
  }

  async #close(ms: number): Promise<void> {
    const { clock, logger } = this.#options
    this.#phase = 'draining'
    await this.#recovering
    await this.#bulk.stop()
    await Promise.all([
      this.#maintenance.stop(),
      this.#releaser.stop(),
      this.#preemptor.stop(),
      this.#scheduler.stop(),
      this.#reports.stop(),
    ])
    await this.#claimer.stop()
    this.#callerTransactions.stop()
    await Promise.all([drain({ attempts: this.#attempts, clock, logger, ms }), this.#workers.drain(ms)])
    await this.#workers.stop()
    await this.#flusher.flush()
    await this.#scheduler.flush()
    await this.#deliverer.stop()
    await this.#reports.flush().catch((error: unknown) => {
      logger.warn({ err: error }, 'could not store the latest figures of the history')
    })
    await this.#sync?.stop()
    this.#streams.abort()
    await this.access[Symbol.asyncDispose]()
    this.#completions.close()
    await this.#lease.end()
    this.#phase = 'closed'
    this.#closed.abort()
    await this.#options.executor.close()
    await this.#store[Symbol.asyncDispose]()
    this.#options.closed()
  }
}

/** What can be started now: the same list from one claim to the next, unless the machine has no room for some of them. */
function startableTypes(
  registry: Registry,
  names: readonly string[],
  { hasRoom }: Executor,
): () => readonly TypeLimit[] {
  const types = [...registry].filter(({ type }) => names.includes(type))
  const all = types.map(({ type, concurrency }) => ({ type, concurrency }))
  return () => {
    if (types.every(({ runs }) => hasRoom(runs))) return all
    return all.filter((_, index) => hasRoom(types[index]!.runs))
  }
}

function readable(record: TaskRecord): TaskRecord {
  if (record.unreadable === undefined) return record
  throw new DocumentUnreadable(record.task, record.unreadable)
}

function unknown(id: TaskId): never {
  throw new TaskUnknown(id)
}
