import { sleep } from '../core/clock.ts'
import { ShuttingDown, StoreUnavailable, TaskIdAmbiguous, TaskUnknown } from '../core/errors.ts'
import type { Filter } from '../core/filter.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import { idPartOf } from '../core/short-id.ts'
import { isActive, type Control, type Task, type TaskId, type TimelineEntry } from '../core/task.ts'
import { poisonLimit } from '../core/transition.ts'
import { Bus } from '../journal/bus.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Registry } from '../registry/registry.ts'
import type { AnyTaskType, TaskType } from '../registry/type.ts'
import type { Executor } from '../execution/executors/executor.ts'
import {
  logLimit,
  type Claimed,
  type Counts,
  type LiveNode,
  type NumberedLine,
  type Store,
  type TaskRecord,
  type TypeLimit,
} from '../store/store.ts'
import type * as api from './api.ts'
import { Attempts } from '../execution/attempts.ts'
import { Throttle } from '../core/throttle.ts'
import { throttledLogger } from './logger-throttle.ts'
import { allEvents, type Change } from './all-events.ts'
import { Claimer, mostAtOnce } from '../scheduling/claimer.ts'
import { Controls } from './controls.ts'
import { drain } from '../execution/drain.ts'
import { Completions } from './completion.ts'
import type { Explanation } from './explain.ts'
import { ClusterSync } from '../cluster/sync.ts'
import { taskEvents } from './task-events.ts'
import { TaskHandle } from './handle.ts'
import { listTasks, type ListOptions, type TaskPage } from './lists.ts'
import type { AttemptServices } from '../execution/services.ts'
import type { ManagerOptions } from './options.ts'
import { BulkOperations } from './bulk.ts'
import type { History, Span } from './rates.ts'
import { Readiness } from './readiness.ts'
import { Reports, type Stats } from './reports.ts'
import { CheckpointFlusher } from '../execution/checkpoint-flusher.ts'
import { releaseUnstartedClaims } from '../scheduling/unstarted-claims.ts'
import type { NodeState } from './state.ts'
import { Submitter } from './submitter.ts'
import { NodeLease } from '../cluster/node-lease.ts'
import { Maintenance } from '../scheduling/maintenance.ts'

/** Milliseconds between looks, while the store is away, at what a control in doubt has left. */
const catchUpPause = 500

/** Milliseconds between tries to take over a database that cannot be written. */
const recoverAgainAfter = 1_000

/** One node's engine: takes commands, runs what it claims, and alone writes what becomes of it. */
export class TaskManager implements api.TaskManagerApi, AsyncDisposable {
  readonly registry: Registry
  readonly #options: ManagerOptions
  readonly #store: Store
  readonly #tenure: NodeLease
  readonly #bus: Bus
  readonly #saver: CheckpointFlusher
  readonly #attempts: Attempts
  readonly #claimer: Claimer
  readonly #upkeep: Maintenance
  readonly #submitter: Submitter
  readonly #commands: Controls
  readonly #operations: BulkOperations
  readonly #reports: Reports
  readonly #follower: ClusterSync | undefined
  readonly #endings: Completions
  readonly #streams = new AbortController()
  #phase: NodeState['phase'] = 'starting'
  #closing: Promise<void> | undefined
  #recovering: Promise<void> | undefined
  readonly #readiness: Readiness

  private constructor(options: ManagerOptions) {
    const { store, registry, executor, clock, logger, random, cancelGrace } = options
    const { types, version, host, pid } = options
    this.registry = registry
    this.#options = options
    this.#store = store
    this.#tenure = new NodeLease({
      store,
      clock,
      logger,
      newId: options.newId,
      describe: () => ({ slots: options.maxConcurrent, types, version, host, pid }),
      stopCode: (why) => this.#attempts.abortAll(why),
      disown: (why) => this.#attempts.disown(why),
      goOn: () => this.#claimer.kick(),
      leaseLost: options.leaseLost ?? (() => undefined),
    })
    const tenure = this.#tenure
    this.#readiness = new Readiness(store, clock)
    this.#bus = new Bus((error) => logger.error({ err: error }, 'an event listener threw'))
    this.#endings = new Completions(store, this.#bus)
    this.#saver = new CheckpointFlusher(store, () => tenure.node, clock, logger)
    const node: AttemptServices = {
      get node() {
        return tenure.node
      },
      store,
      clock,
      bus: this.#bus,
      executor,
      saver: this.#saver,
      logger,
      // Lines a type, in milliseconds.
      failures: new Throttle(20, 10_000),
      random,
      cancelGrace,
      mayStart: () => tenure.mayStart,
      notStarted: () => this.#claimer.doubt(),
      closed: () => this.#phase === 'closed',
      committed: (task, entry) => this.#committed(task, entry),
    }
    this.#attempts = new Attempts(node, options.maxParked, () => this.#claimer.kick())
    this.#claimer = new Claimer({
      store,
      node: () => tenure.node,
      clock,
      logger,
      types: startableTypes(
        [...registry].filter(({ type }) => options.types.includes(type)),
        executor,
      ),
      mayStart: () => tenure.mayStart,
      freeSlots: () => this.#freeSlots,
      most: mostAtOnce(store, options.maxConcurrent),
      take: (claimed) => this.#take(claimed),
      inDoubt: () => this.#releaseStrays(),
    })
    this.#upkeep = new Maintenance({
      store,
      clock,
      logger,
      retention: options.retention,
      committed: node.committed,
      queued: () => this.#claimer.kick(),
      reap: () => this.#reap(),
    })
    this.#submitter = new Submitter({
      store,
      registry,
      clock,
      newId: options.newId,
      maxQueued: options.maxQueued,
      mustTakeWork: () => this.#mustTakeWork(),
      claim: () => this.#claimer.kick(),
      committed: node.committed,
      dueAt: (time) => this.#upkeep.dueAt(time),
    })
    this.#commands = new Controls({
      store,
      bus: this.#bus,
      clock,
      committed: node.committed,
      dueAt: (time) => this.#upkeep.dueAt(time),
      awaited: (id) => this.#follower?.lookClosely(id),
      seen: (task) => this.#follow(task),
      inDoubt: (ids) => void this.#catchUp(ids),
      claimed: () => this.#claimer.kicked(),
    })
    this.#operations = new BulkOperations({
      store,
      node: () => tenure.node,
      clock,
      logger,
      newId: options.newId,
      act: async (commands) => {
        const answers = await this.#commands.act(commands)
        this.#claimer.kick()
        return answers
      },
    })
    this.#reports = new Reports({ store, clock, logger, registry, state: () => this.state })
    if (store.shared !== null) {
      this.#follower = new ClusterSync({
        store,
        signals: store.shared.signals,
        bus: this.#bus,
        clock,
        logger,
        node: () => tenure.node,
        alive: () => this.#attempts.ids(),
        isAlive: (id) => this.#attempts.has(id),
        follow: (task) => this.#follow(task),
        canStart: (type) => this.#freeSlots > 0 && options.types.includes(type),
        queued: () => this.#claimer.kick(),
        found: (id) => this.#submitter.found(id),
      })
    }
  }

  /**
   * Takes over what earlier nodes left, and begins to claim. A database of its own that cannot be written, because the disk is
   * full, is read meanwhile, and all else follows when it can.
   */
  static async open(options: ManagerOptions): Promise<TaskManager> {
    const { store } = options
    const logger = throttledLogger(options.logger, options.clock)
    const manager = new TaskManager({ ...options, logger })
    try {
      await manager.#recover(() => manager.#tenure.begin())
    } catch (error) {
      if (store.capabilities.lease !== null || !(error instanceof StoreUnavailable)) throw error
      logger.warn({ err: error }, 'the database is not writable: serving reads only until it is')
      manager.#recovering = manager.#recoverLater()
    }
    return manager
  }

  get state(): NodeState {
    return {
      id: this.#tenure.node,
      phase: this.#phase,
      maxConcurrent: this.#options.maxConcurrent,
      slotsInUse: this.#attempts.slotsInUse,
      parked: this.#attempts.parked,
      loop: this.#options.loopDelay(),
    }
  }

  /** Submits with parameters and result typed by the definition, which must be one of this manager's. */
  async submit<Input, State, Result>(
    type: TaskType<Input, State, Result>,
    parameters: Input,
    { tx, ...options }: api.OwnSubmitOptions = {},
  ): Promise<TaskHandle<Result>> {
    this.registry.mustHave(type)
    const { task } = await this.#submitter.submit(type.type, parameters, options, tx)
    return new TaskHandle<Result>(task.id, this)
  }

  /** Submits one task for each of the parameters, all or none of them. */
  async submitAll<Input, State, Result>(
    type: TaskType<Input, State, Result>,
    list: readonly Input[],
    { tx, ...options }: Omit<api.OwnSubmitOptions, 'idempotencyKey'> = {},
  ): Promise<TaskHandle<Result>[]> {
    this.registry.mustHave(type)
    if (list.length === 0) return []
    const drafts = list.map((parameters) => ({ parameters, options }))
    const accepted = await this.#submitter.submitAll(type.type, drafts, tx)
    return accepted.map(({ task }) => new TaskHandle<Result>(task.id, this))
  }

  async resolve(text: string): Promise<TaskId> {
    const part = idPartOf(text)
    if (part === undefined) return text
    const found = await this.#store.resolve(part, 11)
    if (found.length > 1) throw new TaskIdAmbiguous(text, found)
    return found[0] ?? unknown(text)
  }

  /** A handle of a task that was submitted earlier, by its id or a part of it. Throws `TaskUnknown` and `TaskIdAmbiguous`. */
  async handle<Result = unknown>(text: TaskId): Promise<TaskHandle<Result>> {
    const id = await this.resolve(text)
    if ((await this.#store.get(id)) === null) throw new TaskUnknown(id)
    return new TaskHandle<Result>(id, this)
  }

  enqueue(type: string, parameters: unknown, options: api.SubmitOptions = {}): Promise<api.Accepted> {
    return this.#submitter.submit(type, parameters, options)
  }

  enqueueAll(type: string, drafts: readonly api.Draft[]): Promise<readonly api.Accepted[]> {
    return this.#submitter.submitAll(type, drafts)
  }

  ended(id: TaskId, { signal }: Readonly<{ signal?: AbortSignal }> = {}): Promise<Task> {
    return this.#endings.of(id, signal)
  }

  async brief(id: TaskId): Promise<TaskRecord> {
    return (await this.#store.read(id, { brief: true })) ?? unknown(id)
  }

  async details(id: TaskId): Promise<TaskRecord> {
    return (await this.#store.read(id)) ?? unknown(id)
  }

  control(id: TaskId, control: Control, options: api.ControlOptions = {}): Promise<Task> {
    return this.#commands.control(id, control, options)
  }

  events(id: TaskId, options: api.EventOptions = {}): AsyncIterable<TaskEvent> {
    return taskEvents(this.#store, this.#bus, id, { ...options, signal: this.#untilClosed(options.signal) })
  }

  changes(filter: Filter = {}, { signal }: Readonly<{ signal?: AbortSignal }> = {}): AsyncIterable<Change> {
    const look = (id: TaskId) => this.#store.read(id, { brief: true })
    return allEvents(this.#bus, filter, {
      signal: this.#untilClosed(signal),
      look,
      clock: this.#options.clock,
    })
  }

  list(filter: Filter = {}, options: ListOptions = {}): Promise<TaskPage> {
    return listTasks(this.#store, this.#options.clock, filter, options)
  }

  explain(id: TaskId): Promise<Explanation> {
    return this.#reports.explain(id)
  }

  purge(id: TaskId): Promise<void> {
    return this.#commands.purge(id)
  }

  async hold(type: string, held = true): Promise<void> {
    this.registry.get(type)
    await this.#store.hold(type, held, 'api')
    if (!held) this.#claimer.kick()
  }

  bulk(
    action: BulkAction,
    filter: Filter,
    { dryRun = false, wait = 0 }: api.BulkOptions = {},
  ): Promise<Operation> {
    return this.#operations.start(action, filter, dryRun, wait)
  }

  operation(id: string): Promise<Operation> {
    return this.#operations.get(id)
  }

  cancelOperation(id: string, wait = 0): Promise<Operation> {
    return this.#operations.cancel(id, wait)
  }

  stats(): Promise<Stats> {
    return this.#reports.stats()
  }

  history(span: Span): History {
    return this.#reports.history(span)
  }

  nodes(): Promise<readonly LiveNode[]> {
    return this.#store.nodes()
  }

  async log(id: TaskId, options: api.LogOptions = {}): Promise<readonly NumberedLine[]> {
    const { after = 0, limit = logLimit } = options
    return (await this.#store.log(id, after, limit)) ?? unknown(id)
  }

  async trouble(): Promise<string | null> {
    if (this.#phase === 'draining' || this.#phase === 'closed') return `It is ${this.#phase}.`
    return (await this.#readiness.trouble()) ?? (this.#phase === 'ready' ? null : 'It is starting.')
  }

  counts(): Promise<Counts> {
    return this.#store.counts()
  }

  /**
   * Drains: claims nothing more, lets handlers come to a pause point, aborts them shortly before the time is up, and gives
   * everything back to the store. Safe to call twice. `drain`: seconds for it, instead of the time that was set at the start.
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
        await this.#recover(() => this.#tenure.beginAgain())
        logger.info({}, 'the database is writable again: accepting work')
        return
      } catch (error) {
        logger.warn({ err: error }, 'the database is still not writable; retrying')
      }
    }
  }

  async #recover(begin: () => Promise<void>): Promise<void> {
    await begin()
    await this.#reap()
    // A close may have come in between.
    if (this.#phase !== 'starting') return
    this.#phase = 'ready'
    this.#claimer.kick()
    this.#upkeep.start()
    this.#reports.start()
    this.#follower?.start()
  }

  /** Takes the tasks of starts that are over: earlier ones, or those of other nodes. */
  async #reap(): Promise<void> {
    const { poisonLimits } = this.registry
    const moved = await this.#store.reap({ poisonLimit, poisonLimits })
    if (moved.length === 0) return
    this.#options.logger.info({ tasks: moved.length }, 'took over tasks of nodes that have ended')
    for (const { task, entry } of moved) this.#committed(task, entry)
    this.#claimer.kick()
  }

  async #releaseStrays(): Promise<void> {
    await releaseUnstartedClaims(
      this.#store,
      this.#tenure.node,
      (task) => this.#attempts.runs(task),
      (task, entry) => this.#committed(task, entry),
    )
  }

  now(): number {
    return this.#store.now()
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

  get #freeSlots(): number {
    return this.#tenure.mayStart ? this.#options.maxConcurrent - this.#attempts.slotsInUse : 0
  }

  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    const closing = this.#streams.signal
    // Always one of its own: thousands of listeners on one signal are slow to add and to remove.
    return AbortSignal.any(signal === undefined ? [closing] : [signal, closing])
  }

  #committed(task: Task, entry: TimelineEntry): void {
    this.#tell(task, entry)
    this.#follow(task)
  }

  /** A row as it was committed: code of its task on this node acts on it. Ours without any, it is given back. */
  #follow(task: Task): void {
    this.#attempts.follow(task)
    if (task.ownerNode !== this.#tenure.node || !isActive(task.status) || this.#attempts.runs(task)) return
    this.#claimer.doubt()
    this.#claimer.kick()
  }

  /** What these rows say may not have been told to anyone: code of theirs on this node must hear it all the same. */
  async #catchUp(ids: readonly TaskId[]): Promise<void> {
    const { clock } = this.#options
    for (let left = ids; left.length > 0 && this.#phase !== 'closed';) {
      const looks = left.map((id) =>
        this.#store.get(id).then(
          (task) => (task === null ? [] : (this.#follow(task), [])),
          () => [id],
        ),
      )
      left = (await Promise.all(looks)).flat()
      if (left.length > 0) await sleep(clock, catchUpPause)
    }
  }

  #take(claimed: Claimed): void {
    const { task, entry } = claimed
    // Claimed in the last moment of a lease: the reaper takes it, or it is given back if the lease holds after all.
    if (task.ownerNode !== this.#tenure.node || !this.#tenure.mayStart) return this.#claimer.doubt()
    this.#tell(task, entry)
    this.#attempts.start(claimed, this.registry.get(task.type))
  }

  #tell(task: Task, entry: TimelineEntry): void {
    this.#submitter.found(task.id)
    this.#reports.note(task, entry)
    this.#bus.emit({ kind: 'transition', id: task.id, task, entry })
  }

  async #close(ms: number): Promise<void> {
    const { clock, logger } = this.#options
    this.#phase = 'draining'
    await this.#recovering
    await this.#operations.stop()
    await Promise.all([this.#upkeep.stop(), this.#reports.stop()])
    await this.#claimer.stop()
    this.#submitter.stop()
    await drain({ attempts: this.#attempts, clock, logger, ms })
    await this.#saver.flush()
    await this.#follower?.stop()
    this.#streams.abort()
    this.#endings.close()
    await this.#tenure.end()
    this.#phase = 'closed'
    await this.#options.executor.close()
    await this.#store[Symbol.asyncDispose]()
    this.#options.closed()
  }
}

/** The same list from one claim to the next, unless the machine has no room for some of them. */
function startableTypes(types: readonly AnyTaskType[], { hasRoom }: Executor): () => readonly TypeLimit[] {
  const all = types.map(({ type, concurrency }) => ({ type, concurrency }))
  return () => {
    if (types.every(({ runs }) => hasRoom(runs))) return all
    return all.filter((_, index) => hasRoom(types[index]!.runs))
  }
}

function unknown(id: TaskId): never {
  throw new TaskUnknown(id)
}
