import { createHmac, timingSafeEqual } from 'node:crypto'
import { entryOf } from '../core/audit.ts'
import type { Caller, Origin } from '../core/caller.ts'
import type { Clock } from '../core/clock.ts'
import {
  DocumentUnreadable,
  Forbidden,
  LeaseLost,
  TypeTaken,
  TypeUnknown,
  WorkerNameTaken,
  WorkerUnknown,
} from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import { outcomeOf, stoppedOutcome, type Budget } from '../core/outcome-policy.ts'
import type { Outcome } from '../core/outcome.ts'
import { secretsOf, type Secrets } from '../core/redaction.ts'
import { sleepsLeft, sleepsOf } from '../core/sleep.ts'
import { stepId, stepLimits, TooManySteps, type StepRecord } from '../core/step.ts'
import type { ErrorRecord, Json, Task, TaskId } from '../core/task.ts'
import { poisonLimit, type Move } from '../core/transition.ts'
import { TooManyWaits, type Question, type WaitRequest } from '../core/wait.ts'
import {
  isOfOther,
  isWorkerId,
  settledAs,
  signalOf,
  stopOf,
  workerId,
  workerMemory,
  type LeaseToken,
  type Worker,
  type WorkerRun,
  type WorkerSettlement,
  type WorkerSignal,
  type WorkerType,
} from '../core/worker.ts'
import { clipLine } from '../execution/executors/backlog.ts'
import { toJson } from '../execution/executors/json.ts'
import { ProgressRate } from '../execution/executors/progress-rate.ts'
import { stepsAtOnce } from '../execution/stored-steps.ts'
import { StoredWaits } from '../execution/stored-waits.ts'
import type { Bus } from '../journal/bus.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import { validatorOf } from '../registry/json-schema.ts'
import type { Registry } from '../registry/registry.ts'
import { remoteType } from '../registry/remote.ts'
import type { AnyTaskType } from '../registry/type.ts'
import type { Claimer } from '../scheduling/claimer.ts'
import { WorkerClaims } from '../scheduling/worker-claims.ts'
import type { Claimed, Settled, StepPage, Store, TypeLimit } from '../store/store.ts'
import type {
  Beat,
  ClaimedTask,
  Failure,
  Parking,
  Standing,
  WorkerInfo,
  WorkersApi,
  WorkerStep,
} from './workers-api.ts'

export type WorkersOptions = Readonly<{
  store: Store
  registry: Registry
  clock: Clock
  logger: Logger
  journal: Journal
  bus: Bus
  claimer: Pick<Claimer, 'setAside'>
  random: () => number
  /** A new secret for a worker. */
  newSecret: () => string
  /** Milliseconds for which a claim lives without a beat. */
  lease: number
  cancelGrace: number
  /** The id of this node. */
  tenant: Readonly<{ node: string }>
  /** Throws if no work is accepted. */
  mustTakeWork: () => void
}>

/** What this node remembers of a run whose beats it receives. It can forget it. */
type Run = Readonly<{
  type: string
  attempt: number
  secrets: Secrets | undefined
  rate: ProgressRate
  pause: WorkerType['pause']
}>

/** Milliseconds for which the list of workers is relied on, if nothing says that it has changed. */
const listLasts = 1_000
const shortestLook = 20
const longestLook = 3_600_000
/** Characters of documents in the answer to a claim. */
const mostOfClaim = 8_388_608

/**
 * Remote workers. Each is a node of the store, so claims, fences and settlements are those of nodes, and any server can carry a
 * call: everything about a run that another server may need is in the store. What a node does by itself, the
 * servers do for workers: end runs that are silent, that ignore a cancel, or that exceed their timeout.
 */
export class Workers implements Subscriber {
  readonly #options: WorkersOptions
  readonly #claims: WorkerClaims
  readonly #loop: Loop
  #known: ReadonlyMap<string, Worker> = new Map()
  #compiled: ReadonlyMap<string, AnyTaskType> = new Map()
  #reading: Promise<void> | undefined
  #readAt = Number.NEGATIVE_INFINITY
  /** When workers called here, for as long as that makes them live. */
  readonly #seen = new Map<string, number>()
  #toldAt = Number.NEGATIVE_INFINITY
  readonly #runs = new Map<string, Run>()
  /** When runs that must stop were first seen so, by the monotonic clock. */
  #stopping = new Map<string, number>()
  readonly #beats = new Set<() => void>()
  /** Until then, a run may be silent because there was no server. */
  #patientUntil: number
  #drains = false
  #drained: (() => void) | undefined
  #isStarted = false

  constructor(options: WorkersOptions) {
    this.#options = options
    const { clock, logger, lease } = options
    this.#claims = new WorkerClaims(options)
    this.#patientUntil = clock.monotonic() + lease
    this.#loop = new Loop('workers', clock, logger, () => this.#work())
  }

  /** From now on, this node ends runs of workers, as soon as there are any. */
  start(): void {
    this.#isStarted = true
    this.#patientUntil = this.#options.clock.monotonic() + this.#options.lease
    if (this.#known.size > 0) this.#loop.kick()
  }

  /** Looks for workers that other nodes have registered, or earlier ones. A node without any has nothing to do for them. */
  async find(): Promise<void> {
    if (this.#known.size > 0) return
    await this.#read()
    if (this.#known.size > 0 && this.#isStarted) this.#loop.kick()
  }

  moved(move: Move): void {
    this.#claims.moved(move)
    const { ownerNode, status } = move.task
    if (status === 'cancelling' && ownerNode !== null && isWorkerId(ownerNode)) this.#loop.within(0)
  }

  /** A type was released. */
  released(type: string): void {
    this.#claims.kick(type)
  }

  /** Another node has queued something. */
  kick(): void {
    this.#claims.look()
  }

  /** The number of live workers, as far as this node knows. */
  get live(): number {
    return this.#live().length
  }

  /** How many live workers run the type. */
  countOf(type: string): number {
    return this.#live().filter(({ types }) => types.some((one) => one.type === type)).length
  }

  /** Learns what other nodes know: about this type if it is unknown here, or about all. */
  async learn(type?: string): Promise<void> {
    if (type === undefined) {
      if (this.#options.clock.monotonic() - this.#readAt >= listLasts) await this.#read()
    } else if (this.#options.registry.find(type) === undefined) await this.#read()
  }

  /**
   * The node shuts down. If no other server is left, workers are asked to give back what they can continue later, for up to
   * `ms` milliseconds.
   */
  async drain(ms: number): Promise<void> {
    const { store, tenant, clock, logger } = this.#options
    const closing = this.#claims.close()
    try {
      const others = store.shared === null ? [] : (await store.nodes()).filter(({ id }) => id !== tenant.node)
      this.#drains = others.length === 0
    } catch (error) {
      logger.debug({ err: error }, 'could not see whether there are other nodes')
    }
    for (const wake of this.#beats) wake()
    await closing
    if (!this.#drains || !this.#hasDraining()) return
    await new Promise<void>((resolve) => {
      const stop = clock.after(ms, resolve)
      this.#drained = () => {
        stop()
        resolve()
      }
    })
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    if (this.#isStarted) await this.#tellSeen().catch(() => undefined)
  }

  for(origin: Origin): WorkersApi {
    const { caller } = origin
    return {
      register: async (name, types) => {
        mustRun(
          caller,
          types.map(({ type }) => type),
        )
        await this.#register(origin, name, types.map(completed))
        return { lease: this.#options.lease }
      },
      claim: async (name, { types, max, wait, signal }) => {
        this.#options.mustTakeWork()
        const worker = await this.#workerOf(caller, name, types)
        const limits = this.#limitsOf(worker, types)
        mustRun(
          caller,
          limits.map(({ type }) => type),
        )
        this.#sawCall(worker.id)
        const claimed = await this.#claims.take({ worker: worker.id, types: limits, max }, wait, signal)
        const tasks = claimed.flatMap((one) => this.#started(worker, one) ?? [])
        this.#sawCall(worker.id)
        const taken = signal.aborted ? [] : withinLimit(tasks)
        await this.#giveBack(tasks.slice(taken.length))
        return taken
      },
      giveBack: (tasks) => this.#giveBack(tasks),
      beat: async (token, beat, signal) => this.#beat(await this.#opened(token, caller), beat, signal),
      complete: async (token, result) => {
        const lease = await this.#opened(token, caller)
        return this.#settle(lease, 'complete', { kind: 'completed', result: toJson(result, 'result') })
      },
      fail: async (token, failure) => this.#fail(await this.#opened(token, caller), failure),
      paused: async (token, checkpoint) => {
        const lease = await this.#opened(token, caller)
        const why = 'its worker stopped at a pause point'
        const outcome = { kind: 'released', why, atPausePoint: true } as const
        return this.#settle(lease, 'paused', outcome, stateOf(checkpoint))
      },
      park: async (token, parking) => this.#park(await this.#opened(token, caller), parking),
      steps: async (token, after) => this.#steps(await this.#opened(token, caller), after),
      wait: async (token, request) => this.#look(await this.#opened(token, caller), request),
      list: () => this.#list(),
    }
  }

  async #register(origin: Origin, name: string, types: readonly WorkerType[]): Promise<void> {
    const { store, registry, newSecret, mustTakeWork } = this.#options
    mustTakeWork()
    await Promise.all(types.map((type, index) => remoteType(type, `types.${index}.parameters`)))
    const nodes = await store.nodes()
    const taken = types.find(
      ({ type }) => registry.isOwn(type) || nodes.some((node) => node.types.includes(type)),
    )
    if (taken !== undefined) throw new TypeTaken(taken.type)
    await this.#read()
    const { caller } = origin
    const id = workerId(name)
    const earlier = this.#known.get(id)
    if (earlier !== undefined && isOfOther(earlier, caller) && this.#isLive(earlier))
      throw new WorkerNameTaken(name)
    const isSame = earlier !== undefined && JSON.stringify(earlier.types) === JSON.stringify(types)
    const body = { name, types, secret: newSecret(), callerId: caller.id, createdBy: caller.name }
    const entry = entryOf(origin, 'worker.register', { target: { id: null, name } })
    await store.workers.register({ id, body }, isSame ? undefined : entry)
    await this.#read()
    this.#loop.within(this.#options.lease / 4)
  }

  /** The worker with this name and these types. Throws `WorkerUnknown`. */
  async #workerOf(caller: Caller, name: string, types: readonly string[] | undefined): Promise<Worker> {
    const find = () => {
      const worker = this.#known.get(workerId(name))
      const hasTypes = types?.every((type) => worker?.types.some((one) => one.type === type)) ?? true
      return worker === undefined || !hasTypes ? undefined : worker
    }
    if (find() === undefined) await this.#read()
    const worker = find() ?? this.#known.get(workerId(name))
    if (worker === undefined || isOfOther(worker, caller)) throw new WorkerUnknown(name)
    return worker
  }

  #limitsOf(worker: Worker, types: readonly string[] | undefined): TypeLimit[] {
    const { registry } = this.#options
    const wanted = types ?? worker.types.map(({ type }) => type)
    return [...new Set(wanted)].map((type) => {
      if (!worker.types.some((one) => one.type === type))
        throw new TypeUnknown(
          type,
          worker.types.map((one) => one.type),
        )
      if (registry.isOwn(type)) throw new TypeTaken(type)
      return { type, concurrency: registry.find(type)?.concurrency ?? null }
    })
  }

  /** The task as its worker gets it; undefined if it cannot run. */
  #started(worker: Worker, claimed: Claimed): ClaimedTask | undefined {
    const { store, journal, claimer, lease } = this.#options
    journal.publish([claimed])
    if (claimed.unreadable !== undefined) {
      void claimer.setAside(claimed, claimed.unreadable, worker.id)
      return undefined
    }
    const { task, parameters, checkpoint } = claimed
    const { id, fence, version, type, attempt } = task
    this.#remember(task, parameters)
    const token = sealed({ worker: worker.name, id, fence, version }, worker.secret)
    const sleeps = sleepsLeft(task, store.now())
    const leaseUntil = store.now() + lease
    return { id, type, token, attempt, fence, parameters, checkpoint, sleeps, leaseUntil }
  }

  async #giveBack(tasks: readonly ClaimedTask[]): Promise<void> {
    const { logger } = this.#options
    for (const { id, token } of tasks) {
      try {
        const lease = await this.#opened(token)
        const why = 'its worker was gone before it received the task'
        await this.#settle(lease, 'paused', { kind: 'released', why })
      } catch (error) {
        logger.debug({ err: error, task: id }, 'could not give back a task of a worker; its lease will end')
      }
    }
  }

  async #beat(lease: LeaseToken, beat: Beat, over: AbortSignal) {
    const { store, journal } = this.#options
    const { id, fence } = lease
    const owner = workerId(lease.worker)
    const run = await this.#runOf(lease)
    const hide = (text: string) => run.secrets?.hide(text) ?? text
    const now = store.now()
    const { progress: given, logs = [] } = beat
    const steps = (beat.steps ?? []).map((step) => stepOf(step, { now, secrets: run.secrets }))
    if (steps.length > 0) await this.#mustHaveRoom(id, steps)
    const report = given && run.rate.report(given.current, given.total, given.message)
    const message = report?.message === undefined ? {} : { message: hide(report.message) }
    const progress = report && { ...report, ...message, at: now }
    const log = logs.map((line) => ({ at: now, attempt: run.attempt, text: hide(clipLine(line)) }))
    const [isOurs] = await store.save(owner, [
      {
        id,
        fence,
        ...stateOf(beat.checkpoint),
        ...(progress === undefined ? {} : { progress }),
        ...(log.length === 0 ? {} : { log }),
        ...(steps.length === 0 ? {} : { steps }),
      },
    ])
    if (isOurs !== true) throw this.#lostBy(lease)
    const { type } = run
    if (progress !== undefined) journal.report({ kind: 'progress', id, type, progress })
    for (const { at, text } of log) journal.report({ kind: 'log', id, type, at, message: text })
    const leaseUntil = store.now() + this.#options.lease
    const wait = Math.min(beat.wait ?? 0, this.#options.lease / 2)
    const signal = await this.#signalOf(lease, run, wait, over)
    return { signal, leaseUntil }
  }

  /** What the worker must know, as soon as there is anything, and after `ms` in any case. */
  async #signalOf(lease: LeaseToken, run: Run, ms: number, over: AbortSignal): Promise<WorkerSignal> {
    const { store, bus, clock } = this.#options
    const { id } = lease
    const end = clock.monotonic() + ms
    for (;;) {
      let wake = () => {}
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      // Before the row is read: what happens after it is heard.
      const deaf = bus.onTask(id, ({ kind }) => kind === 'transition' && wake(), wake)
      this.#beats.add(wake)
      over.addEventListener('abort', wake)
      let stop = () => {}
      try {
        const task = await this.#taskOf(lease)
        const active = task.activeMs + Math.max(0, store.now() - task.statusSince)
        const signal = signalOf({ task, active }, { pause: run.pause, drains: this.#drains })
        const left = end - clock.monotonic()
        if (signal !== 'none' || left <= 0 || over.aborted) return signal
        const { timeout, attemptBaseMs } = task
        const untilTimeout = timeout === null ? left : attemptBaseMs + timeout - active
        stop = clock.after(Math.max(1, Math.min(left, untilTimeout)), wake)
        this.#sawCall(workerId(lease.worker))
        await woken
      } finally {
        stop()
        deaf()
        this.#beats.delete(wake)
        over.removeEventListener('abort', wake)
      }
    }
  }

  /** Throws `TooManySteps`. */
  async #mustHaveRoom(id: TaskId, steps: readonly StepRecord[]): Promise<void> {
    const { store } = this.#options
    // The steps of a task are numbered without gaps.
    const rest = await store.steps(id, { after: stepLimits.steps - steps.length, limit: 1, bytes: 1 })
    if (rest === null || rest.steps.length === 0) return
    const ids = new Set(steps.map(stepId))
    for (let after: number | null = 0; after !== null;) {
      const page: StepPage | null = await store.steps(id, { after, ...stepsAtOnce })
      for (const step of page?.steps ?? []) ids.add(stepId(step))
      after = page?.next ?? null
    }
    if (ids.size > stepLimits.steps) throw new TooManySteps()
  }

  async #steps(lease: LeaseToken, after: number): Promise<StepPage> {
    const { store } = this.#options
    const task = await this.#taskOf(lease)
    const page = (await store.steps(lease.id, { after, ...stepsAtOnce })) ?? { steps: [], next: null }
    for (const { unreadable } of page.steps)
      if (unreadable !== undefined) throw new DocumentUnreadable(task, unreadable)
    return page
  }

  async #look(lease: LeaseToken, request: WaitRequest) {
    const { store, journal } = this.#options
    const { id, fence } = lease
    const { schema } = request
    if (schema !== null) await validatorOf(JSON.parse(schema) as Question['schema'] & object, 'schema')
    const owner = workerId(lease.worker)
    const run = await this.#runOf(lease)
    const lines: string[] = []
    const waits = new StoredWaits(
      (reach) => store.waits.reach(owner, reach),
      (line) => lines.push(line),
    )
    const state = await waits.look({ id, fence }, request)
    if (state === undefined) throw this.#lostBy(lease)
    if (lines.length > 0) {
      const at = store.now()
      const log = lines.map((text) => ({ at, attempt: run.attempt, text }))
      await store.save(owner, [{ id, fence, log }])
      for (const message of lines) journal.report({ kind: 'log', id, type: run.type, at, message })
    }
    if (state.kind === 'full') throw new TooManyWaits()
    if (state.kind === 'unreadable') throw new DocumentUnreadable(await this.#taskOf(lease), state.why)
    return state
  }

  /** The row of an active task of this lease. */
  async #taskOf(lease: LeaseToken): Promise<Task> {
    const task = await this.#options.store.get(lease.id)
    const isOurs = task?.fence === lease.fence && task.ownerNode === workerId(lease.worker)
    if (task === null || !isOurs) throw this.#lostBy(lease)
    return task
  }

  #park(lease: LeaseToken, { wakeIn, awaits, sleeps, checkpoint }: Parking): Promise<Standing> {
    const until = wakeIn === null ? null : Math.ceil(this.#options.store.now() + wakeIn)
    const outcome = {
      kind: 'sleeping',
      until,
      delay: wakeIn === null ? null : Math.ceil(wakeIn),
      sleeps: sleepsOf({ wakeIn, awaits, ...sleeps }),
      awaits,
      gone: true,
    } as const
    return this.#settle(lease, 'park', outcome, stateOf(checkpoint))
  }

  async #fail(lease: LeaseToken, { error, retryable = true, delay }: Failure): Promise<Standing> {
    const { store } = this.#options
    const run = await this.#runOf(lease, true)
    const task = await store.get(lease.id)
    if (task === null || run === undefined) return this.#repeated(lease, 'fail')
    const record = recordOf(error)
    const shown = run.secrets?.hideInError(record) ?? record
    const active = task.activeMs + Math.max(0, store.now() - task.statusSince)
    const stop = stopOf({ task, active })
    const ended = { kind: 'threw', error: shown, final: !retryable } as const
    const outcome = outcomeOf(ended, stop, this.#budgetOf(task))
    const isDelayed = stop === null && delay !== undefined && outcome.kind === 'failed'
    return this.#settle(
      lease,
      'fail',
      isDelayed && outcome.retryIn !== null ? { ...outcome, retryIn: delay } : outcome,
    )
  }

  async #settle(
    lease: LeaseToken,
    settlement: WorkerSettlement,
    outcome: Outcome,
    documents: Readonly<{ checkpoint?: Json }> = {},
  ): Promise<Standing> {
    const { id, fence, worker } = lease
    const [answer] = await this.#options.store.settle(workerId(worker), [
      { id, fence, outcome, activeMs: null, ...documents },
    ])
    if (answer?.verdict !== 'settled') return this.#repeated(lease, settlement)
    this.#forgetRun(keyOf(lease))
    this.#options.journal.publish([answer])
    return { id, status: answer.task.status }
  }

  /** The answer of the first settlement, if there was one. */
  async #repeated(lease: LeaseToken, settlement: WorkerSettlement): Promise<Standing> {
    const { id, worker, version: claimedAs } = lease
    const record = await this.#options.store.read(id)
    const claim = { worker: workerId(worker), claimedAs, settlement }
    const status = record === null ? null : settledAs(record.timeline, claim)
    if (status === null) throw this.#lostBy(lease)
    this.#forgetRun(keyOf(lease))
    return { id, status }
  }

  #lostBy(lease: LeaseToken): LeaseLost {
    this.#forgetRun(keyOf(lease))
    return new LeaseLost(lease.id)
  }

  /** Throws `LeaseLost` for a token that is not valid, and `Forbidden` for one of a type that the caller may not run. */
  async #opened(token: string, caller?: Caller): Promise<LeaseToken> {
    const named = read(token)
    if (named === undefined) throw new LeaseLost(null)
    const id = workerId(named.worker)
    if (!this.#known.has(id)) await this.#read()
    const worker = this.#known.get(id)
    if (worker === undefined || !isSealedBy(token, worker.secret)) throw new LeaseLost(null)
    if (caller !== undefined && isOfOther(worker, caller))
      throw new Forbidden('This lease token belongs to a worker of another key.')
    this.#sawCall(id)
    return named
  }

  /** What this node knows about the run; read from the store the first time. */
  async #runOf(lease: LeaseToken): Promise<Run>
  async #runOf(lease: LeaseToken, mayBeOver: true): Promise<Run | undefined>
  async #runOf(lease: LeaseToken, mayBeOver = false): Promise<Run | undefined> {
    const known = this.#runs.get(keyOf(lease))
    if (known !== undefined) return known
    const record = await this.#options.store.read(lease.id, { brief: true })
    const isOurs = record?.task.fence === lease.fence && record.task.ownerNode === workerId(lease.worker)
    if (record !== null && isOurs) return this.#remember(record.task, record.parameters)
    if (mayBeOver) return undefined
    throw new LeaseLost(lease.id)
  }

  #remember(task: Task, parameters: Json): Run {
    const { registry, clock } = this.#options
    const type = registry.find(task.type)
    const { worker, pause } = this.#definitionOf(task)
    const run = {
      type: task.type,
      attempt: task.attempt,
      secrets: secretsOf(type?.sensitive ?? null, { parameters, checkpoint: null }),
      rate: new ProgressRate(clock),
      pause,
    }
    this.#runs.set(keyOf({ id: task.id, fence: task.fence, worker }), run)
    return run
  }

  #definitionOf({ ownerNode, type }: Task): Readonly<{ worker: string; pause: WorkerType['pause'] }> {
    const worker = ownerNode === null ? undefined : this.#known.get(ownerNode)
    const pause = worker?.types.find((one) => one.type === type)?.pause ?? 'checkpoint'
    return { worker: worker?.name ?? '', pause }
  }

  #forgetRun(key: string): void {
    if (this.#runs.delete(key) && this.#drains && !this.#hasDraining()) this.#drained?.()
  }

  #hasDraining(): boolean {
    return [...this.#runs.values()].some(({ pause }) => pause === 'checkpoint')
  }

  #budgetOf(task: Task): Budget {
    return { task, random: this.#options.random, poisonLimit }
  }

  #sawCall(id: string): void {
    this.#seen.set(id, this.#options.store.now())
  }

  #live(): Worker[] {
    return [...this.#known.values()].filter((worker) => this.#isLive(worker))
  }

  /** Calls are stored four times in a lease. */
  #isLive({ id, seenAt }: Worker): boolean {
    const { store, lease } = this.#options
    return store.now() - Math.max(seenAt, this.#seen.get(id) ?? 0) <= lease * 1.25
  }

  /** Reads the workers, and updates the registry. */
  async #read(): Promise<void> {
    // What was asked for before this call may have been read before what the caller wants to know.
    await this.#reading?.catch(() => undefined)
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  async #readNow(): Promise<void> {
    const { store, registry, clock, logger } = this.#options
    const workers = await store.workers.list()
    this.#known = new Map(workers.map((worker) => [worker.id, worker]))
    const isLive = new Map(workers.map((worker) => [worker, this.#isLive(worker)]))
    const compiled = new Map<string, AnyTaskType>()
    const types = new Map<string, AnyTaskType>()
    const live = new Set<string>()
    // The latest registration of a live worker defines a type.
    for (const worker of workers.toSorted((a, b) => Number(isLive.get(a)) - Number(isLive.get(b)))) {
      for (const definition of worker.types) {
        const text = JSON.stringify(definition)
        try {
          const type = compiled.get(text) ?? this.#compiled.get(text) ?? (await remoteType(definition))
          compiled.set(text, type)
          if (registry.isOwn(type.type)) continue
          types.set(type.type, type)
          if (isLive.get(worker) === true) live.add(type.type)
        } catch (error) {
          logger.warn(
            { err: error, worker: worker.name, type: definition.type },
            'ignored a type of a worker',
          )
        }
      }
    }
    this.#compiled = compiled
    this.#readAt = clock.monotonic()
    registry.setRemote(types, live)
  }

  async #list(): Promise<readonly WorkerInfo[]> {
    await this.learn()
    const live = this.#live()
    if (live.length === 0) return []
    const runs = Map.groupBy(await this.#options.store.workers.runs(), ({ task }) => task.ownerNode)
    return live.map(({ id, name, types, createdBy, registeredAt, seenAt }) => ({
      name,
      types: types.map(({ type }) => type),
      tasks: runs.get(id)?.length ?? 0,
      createdBy,
      registeredAt,
      seenAt: Math.max(seenAt, this.#seen.get(id) ?? 0),
    }))
  }

  /** Stores who has called, learns what other nodes have stored, and ends runs. Returns when it wants to run again. */
  async #work(): Promise<number> {
    const { store } = this.#options
    await this.#tellSeen()
    await this.#read()
    if (this.#known.size === 0) return longestLook
    const now = store.now()
    if ([...this.#known.values()].some(({ seenAt }) => now - seenAt > workerMemory))
      await store.workers.forget(workerMemory)
    return this.#judge()
  }

  async #tellSeen(): Promise<void> {
    for (const id of this.#claims.waiting()) this.#sawCall(id)
    const seen = this.#seen
    const { store, lease } = this.#options
    const now = store.now()
    const news = [...seen].filter(([, at]) => at >= this.#toldAt).map(([id]) => id)
    if (news.length > 0) await store.workers.see(news)
    this.#toldAt = now
    for (const [id, at] of seen) if (at < now - 2 * lease) seen.delete(id)
  }

  async #judge(): Promise<number> {
    const { store, clock, lease, cancelGrace } = this.#options
    const runs = await store.workers.runs()
    const now = clock.monotonic()
    const stopping = new Map<string, number>()
    const keys = new Set<string>()
    let next = lease / 4
    for (const run of runs) {
      const { task, silent, active } = run
      const key = keyOf({ id: task.id, fence: task.fence, worker: this.#definitionOf(task).worker })
      keys.add(key)
      const stop = stopOf(run)
      if (silent >= lease && now >= this.#patientUntil) {
        await this.#end(run, { kind: 'lost', why: 'its worker has stopped beating', poisonLimit })
      } else if (stop !== null) {
        const since = this.#stopping.get(key) ?? now
        stopping.set(key, since)
        const left = since + cancelGrace - now
        if (left <= 0) await this.#endByForce(run)
        else next = Math.min(next, left)
      } else {
        const { timeout, attemptBaseMs } = task
        if (timeout !== null) next = Math.min(next, attemptBaseMs + timeout - active)
      }
      if (silent < lease) next = Math.min(next, lease - silent)
    }
    this.#stopping = stopping
    for (const key of this.#runs.keys()) if (!keys.has(key)) this.#forgetRun(key)
    return Math.max(shortestLook, next)
  }

  /** The worker ignores its signal: its lease ends before the outcome is recorded, as the code of a node is fenced off. */
  async #endByForce(run: WorkerRun): Promise<void> {
    const fenced = await this.#end(run, { kind: 'fenced' })
    if (fenced?.verdict !== 'settled') return
    const { task } = fenced
    const stop = stopOf({ task, active: run.active })
    if (stop !== null) await this.#end({ ...run, task }, stoppedOutcome(stop, 'killed', this.#budgetOf(task)))
  }

  async #end({ task }: WorkerRun, outcome: Outcome): Promise<Settled | undefined> {
    const { store, journal, logger } = this.#options
    const { id, fence, ownerNode } = task
    if (ownerNode === null) return undefined
    const [answer] = await store.settle(ownerNode, [{ id, fence, outcome, activeMs: null }])
    if (answer?.verdict !== 'settled') return answer
    this.#forgetRun(keyOf({ id, fence, worker: this.#definitionOf(task).worker }))
    journal.publish([answer])
    const fields = { task: id, type: task.type, worker: ownerNode }
    if (outcome.kind === 'lost') logger.info(fields, 'a worker has stopped beating: its task goes to others')
    else if (outcome.kind === 'fenced') logger.warn(fields, 'a worker ignores its signal: ending its lease')
    return answer
  }
}

/** The first tasks whose documents are not too much for one answer; at least one. */
function withinLimit(tasks: readonly ClaimedTask[]): readonly ClaimedTask[] {
  let total = 0
  const beyond = tasks.findIndex(({ parameters, checkpoint }, index) => {
    total += parameters.length + (checkpoint?.length ?? 0)
    return index > 0 && total > mostOfClaim
  })
  return beyond === -1 ? tasks : tasks.slice(0, beyond)
}

/** A beat has no checkpoint unless it says so: null is none. */
function stateOf(checkpoint: unknown): Readonly<{ checkpoint?: Json }> {
  return checkpoint == null ? {} : { checkpoint: toJson(checkpoint, 'checkpoint') }
}

function stepOf(
  { name, occurrence, attempts, took, ...ended }: WorkerStep,
  { now, secrets }: Readonly<{ now: number; secrets: Secrets | undefined }>,
): StepRecord {
  const step = { name, occurrence, attempts, startedAt: now - took, finishedAt: now }
  if ('result' in ended)
    return { ...step, status: 'completed', result: toJson(ended.result, 'step result'), error: null }
  const error = recordOf(ended.error)
  return { ...step, status: 'failed', result: null, error: secrets?.hideInError(error) ?? error }
}

function recordOf({ code = 'ERROR', message }: Failure['error']): ErrorRecord {
  return { code, name: 'Error', message }
}

function completed(draft: Parameters<WorkersApi['register']>[1][number]): WorkerType {
  const { type, description = '', parameters = null, concurrency = null } = draft
  const { attempts = 1, timeout = null, pause } = draft
  return { type, description, parameters, concurrency, attempts, timeout, pause }
}

/** A worker runs every task of its types, so its key cannot be limited to tags. */
function mustRun({ types, tags }: Caller, wanted: readonly string[]): void {
  if (tags !== null)
    throw new Forbidden(
      'This key is limited to tags, and workers run all tasks of a type. Use a key without tags.',
    )
  const other = types === null ? undefined : wanted.find((type) => !types.includes(type))
  if (other !== undefined)
    throw new Forbidden(`This key is limited to other types than ${JSON.stringify(other)}.`)
}

function keyOf({ id, fence, worker }: Pick<LeaseToken, 'id' | 'fence' | 'worker'>): string {
  return `${id} ${fence} ${worker}`
}

/** The text of a token: what it names, and its signature. */
function sealed({ worker, id, fence, version }: LeaseToken, secret: string): string {
  const names = Buffer.from(JSON.stringify([worker, id, fence, version])).toString('base64url')
  return `${names}.${signatureOf(names, secret)}`
}

function signatureOf(names: string, secret: string): string {
  return createHmac('sha256', secret).update(names).digest('base64url')
}

/** What the token claims to name; undefined if it is none. */
function read(token: string): LeaseToken | undefined {
  const [names = ''] = token.split('.')
  try {
    const [worker, id, fence, version] = JSON.parse(
      Buffer.from(names, 'base64url').toString(),
    ) as readonly unknown[]
    if (typeof worker !== 'string' || typeof id !== 'string') return undefined
    if (!Number.isSafeInteger(fence) || !Number.isSafeInteger(version)) return undefined
    return { worker, id, fence: fence as number, version: version as number }
  } catch {
    return undefined
  }
}

function isSealedBy(token: string, secret: string): boolean {
  const [names = '', signature = ''] = token.split('.')
  const expected = Buffer.from(signatureOf(names, secret))
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
