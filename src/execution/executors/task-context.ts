import { childLimits, mustBeChildName, type SpawnRequest } from '../../core/child.ts'
import {
  ChildFailed,
  ChildUnknown,
  joinedAtOnce,
  joinedIds,
  NoChildCompleted,
  type ChildOutcome,
  type JoinMode,
} from '../../core/join.ts'
import { turn, type Clock } from '../../core/clock.ts'
import { parseDuration } from '../../core/duration.ts'
import { isInstance, shown, toErrorRecord } from '../../core/error-record.ts'
import { NonRetryableError, TaskError, TaskUnwound, TooLarge } from '../../core/errors.ts'
import { retryDelay } from '../../core/retry.ts'
import { namedAwaits } from '../../core/awaits.ts'
import { shortSleep, type SleepRequest } from '../../core/sleep.ts'
import {
  mustBeStepName,
  stepLimits,
  stepTitle,
  StepTimeout,
  TooManySteps,
  type Recalled,
  type StepKey,
  type StepReport,
} from '../../core/step.ts'
import { mustBeWaitName, TooManyWaits, waitLimits } from '../../core/wait.ts'
import { isTerminal, type ErrorRecord, type Json } from '../../core/task.ts'
import { headersOf, traceIdOf } from '../../core/trace-context.ts'
import type {
  Child,
  ChildType,
  Duration,
  SettledChild,
  SpawnOptions,
  StepContext,
  StepOptions,
  StepResult,
  ThreadContext,
  WaitOptions,
} from '../../registry/context.ts'
import { clipLine } from './backlog.ts'
import type { Ended, Execution, RunCallbacks, Run } from './executor.ts'
import { toJson } from './json.ts'
import { leaseOver, type Lease } from './lease.ts'
import { inlineTurns } from './loop-watch.ts'
import { OpenSleeps } from './open-sleeps.ts'
import { ProgressRate } from './progress-rate.ts'
import { asCodeOf, outsideOfTasks, ProcessEnded, type Culprit } from './scope.ts'
import { checkState, parseStored, resultUnreadable, StoredInvalid } from './stored.ts'
import { schemaText } from '../../registry/wait-schema.ts'

/** How code that never returns to its event loop learns of controls, if its executor supports that. */
export type SyncControl = Readonly<{
  /** Applies the controls that have arrived. */
  poll(): void
  /** Blocks the thread until another control arrives, and applies it. */
  wait(): void
  /** Blocks until the checkpoint is committed, or the run is aborted; false if the task is not active now. */
  durable(state: Json): boolean
}>

/** A handler that never leaves the microtask queue would starve the loop, so a pause point leaves it at this interval (ms). */
const turnEvery = 10

/** Milliseconds without a call of the handler after which a sleep frees its slot: before, it may only measure the time of other work. */
const quietFor = 250

/** Doublings of `quietFor` for a wait with work beside it. */
const mostDoublings = 8

/** Milliseconds in which a handler can still end on its own after its code threw an uncatchable error. */
const endsIn = 1_000
export type RunSettings = Readonly<{
  sync?: SyncControl | undefined
  /** The lease of the node, if nodes have leases: a handler that continues after its end unwinds at its next `task.*` call. */
  lease?: Pick<Lease, 'lapses'> | undefined
}>

/** One run of a handler, and what the handler sees of it. */
export class HandlerRun implements Execution, ThreadContext<unknown>, Culprit {
  readonly id: string
  readonly attempt: number
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** Set by `begin`. */
  done!: Promise<Ended>
  readonly kill = undefined
  readonly #run: Run
  readonly #callbacks: RunCallbacks
  readonly #clock: Clock
  readonly #progressRate: ProgressRate
  readonly #sync: SyncControl | undefined
  readonly #lease: RunSettings['lease']
  readonly #lapses: number | undefined
  #outlivedLease = false
  #state: unknown
  #fence: number
  #abort: AbortController | undefined
  #reason: Error | undefined
  #pauseRequested = false
  #announced = false
  #over = false
  #fault: Ended | undefined
  #rejections: Map<Promise<unknown>, unknown> | undefined
  #end!: (ended: Ended) => void
  #lastTurn: number
  /** Pending calls of the handler. Any change of the requested controls wakes each of them, and it checks for itself. */
  readonly #waiting = new Set<() => void>()
  /** Uses of each name of a step, and of all. */
  readonly #uses = new Map<string, number>()
  #steps = 0
  /** Children that the code has asked for, by name. */
  readonly #children = new Map<string, number>()
  readonly #sleeps: OpenSleeps
  /** When the code last called anything. */
  #lastCall = 0
  /** Functions of steps that are running. */
  #callsRunning = 0
  /** Rises when something may have happened for which the code waits. */
  #news = 0
  /** Uses of each name of a wait. */
  readonly #waitUses = new Map<string, number>()
  /** Waits that are open, as the code has last seen them. */
  readonly #awaited = new Set<Awaited>()
  /** Children for which parts of the code wait. */
  readonly #joins = new Set<Readonly<{ mode: JoinMode; children: readonly string[] }>>()
  /** How often another part of the code has continued while it waited without its slot. */
  #earlyWakes = 0
  /** `asleep` was reported: nothing continues before `resume`. */
  #asleep: 'asleep' | 'awake' | undefined

  constructor(run: Run, callbacks: RunCallbacks, clock: Clock, { sync, lease }: RunSettings = {}) {
    this.#run = run
    this.id = run.id
    this.attempt = run.attempt
    const { traceparent, tracestate } = headersOf(run.trace)
    this.traceparent = traceparent
    this.tracestate = tracestate
    this.#sync = sync
    this.#lease = lease
    this.#lapses = lease?.lapses
    this.#fence = run.fence
    this.#callbacks = callbacks
    this.#clock = clock
    this.#progressRate = new ProgressRate(clock)
    this.#lastTurn = clock.monotonic()
    this.#sleeps = new OpenSleeps(run.sleeps)
  }

  /** The handler runs, up to its first await, within this call. */
  begin(): this {
    this.#goesOn()
    this.done = new Promise((resolve) => {
      this.#end = resolve
    })
    void this.#carryOut(this.#run).then(async (ended) => {
      // The platform reports a promise that was handled late only after the microtasks in which it was handled.
      if (this.#rejections !== undefined) await new Promise((resolve) => setImmediate(resolve))
      this.#finish(ended)
    })
    return this
  }

  get traceId(): string | undefined {
    return this.traceparent === undefined ? undefined : traceIdOf(this.traceparent)
  }

  get type(): string {
    return this.#run.type.type
  }

  get secrets(): Run['secrets'] {
    return this.#run.secrets
  }

  blame(error: unknown): boolean {
    if (this.#over) return false
    const uncaught = new Uncaught(error)
    this.#fault ??= { kind: 'threw', error: uncaught.record, final: isInstance(error, NonRetryableError) }
    // It may wait for what has thrown, and so never end.
    outsideOfTasks(() => this.#clock.after(endsIn, () => this.#finish(undefined)))
    this.abort(uncaught)
    return true
  }

  rejected(promise: Promise<unknown>, error: unknown): boolean {
    if (this.#over) return false
    // Aborting rejects whatever the handler had started and does not wait for.
    if (this.#reason !== undefined) return true
    this.#rejections ??= new Map()
    this.#rejections.set(promise, error)
    outsideOfTasks(() =>
      this.#clock.after(endsIn, () => {
        if (this.#rejections?.has(promise) === true) this.blame(error)
      }),
    )
    return true
  }

  handled(promise: Promise<unknown>): void {
    this.#rejections?.delete(promise)
  }

  get fence(): number {
    return this.#fence
  }

  get state(): unknown {
    return this.#state
  }

  get signal(): AbortSignal {
    this.#checkLease()
    this.#sync?.poll()
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#reason !== undefined) this.#abort.abort(this.#reason)
    }
    return this.#abort.signal
  }

  get aborted(): boolean {
    this.#checkLease()
    return this.#reason !== undefined
  }

  checkpoint(state?: unknown, options?: Readonly<{ durable?: boolean }>): Promise<void> {
    return quiet(this.#checkpoint(state, options?.durable === true))
  }

  checkpointSync(state?: unknown, options?: Readonly<{ durable?: boolean }>): void {
    const sync = this.#needsSync('checkpointSync')
    this.#checkLease()
    if (state !== undefined && !this.#over && this.#reason === undefined) {
      const text = this.#stateText(state)
      this.#sleeps.checkpoint()
      if (options?.durable === true) while (!sync.durable(text)) this.#pausePointSync(sync)
      else this.#tell((callbacks) => callbacks.checkpoint(text))
    }
    this.#pausePointSync(sync)
  }

  progressSync(current: number, total?: number | null, message?: string | null): void {
    this.#needsSync('progressSync')
    this.progress(current, total, message)
  }

  progress(current: number, total?: number | null, message?: string | null): void {
    if (this.#over || this.#checkLease()) return
    this.#lastCall = this.#clock.monotonic()
    const report = this.#progressRate.report(current, total, message)
    this.#tell((callbacks) => callbacks.progress(report))
  }

  sleep(time: Duration): Promise<void> {
    const ms = parseDuration(time)
    return quiet(ms === undefined ? Promise.reject(notDuration('task.sleep', time)) : this.#sleepOf(ms))
  }

  step<Result>(
    name: string,
    run: (step: StepContext) => Promise<Result> | Result,
    options: StepOptions = {},
  ): Promise<StepResult<Result>> {
    return quiet(this.#step(name, run, options) as Promise<StepResult<Result>>)
  }

  spawn(type: ChildType, parameters: unknown, options: SpawnOptions = {}): Promise<never> {
    return quiet(this.#spawn(type, [parameters], options).then(([child]) => child as never))
  }

  spawnAll(type: ChildType, list: readonly unknown[], options: SpawnOptions = {}): Promise<never[]> {
    return quiet(this.#spawn(type, list, options) as Promise<never[]>)
  }

  all(children: readonly Child[]): Promise<never> {
    return quiet(this.#join('all', children) as Promise<never>)
  }

  any(children: readonly Child[]): Promise<never> {
    return quiet(this.#join('any', children) as Promise<never>)
  }

  settled(children: readonly Child[]): Promise<never> {
    return quiet(this.#join('settled', children) as Promise<never>)
  }

  wait(name: string, options: WaitOptions = {}): Promise<never> {
    return quiet(this.#wait(name, options) as Promise<never>)
  }

  log(...values: readonly unknown[]): void {
    if (this.#over || this.#checkLease()) return
    this.#lastCall = this.#clock.monotonic()
    const text = clipLine(values.map(shown).join(' '))
    this.#tell((callbacks) => callbacks.log(text))
  }

  pause(): void {
    this.#pauseRequested = true
    this.#announced = false
    this.#wake()
  }

  resume(fence?: number): void {
    if (fence !== undefined) this.#fence = fence
    this.#pauseRequested = false
    this.#asleep = undefined
    this.#news += 1
    this.#lastCall = this.#clock.monotonic()
    this.#progressRate.restart()
    this.#wake()
  }

  news(): void {
    this.#news += 1
    this.#wake()
  }

  abort(reason: Error): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    // Its listeners are code of the handler.
    if (this.#abort !== undefined) asCodeOf(this, () => this.#abort?.abort(reason))
    this.#wake()
  }

  async #carryOut(run: Run): Promise<Ended> {
    try {
      const parameters = parseStored(run.type.parameters, run.parameters, 'value of the parameters')
      if (run.checkpoint !== null) this.#state = parseStored(run.type.state, run.checkpoint, 'checkpoint')
      const returned = await this.#code(() => run.type.run(parameters, this))
      return { kind: 'returned', result: toJson(returned, 'result') }
    } catch (error) {
      if (this.#outlivedLease) return { kind: 'given-back', why: leaseOver, cause: 'lease', forced: false }
      // Whatever was thrown: nothing here may throw, or the run would never end.
      const final = isInstance(error, NonRetryableError) || isInstance(error, StoredInvalid)
      return { kind: 'threw', error: toErrorRecord(error), final }
    }
  }

  /** In a thread, whatever its code throws ends the thread and is known to be its own. */
  #code<T>(code: () => T): T {
    return this.#sync === undefined ? asCodeOf(this, code) : code()
  }

  #tell(call: (callbacks: RunCallbacks) => void): void {
    if (this.#sync === undefined) outsideOfTasks(() => call(this.#callbacks))
    else call(this.#callbacks)
  }

  /** A fault decides, whatever the outcome of the handler itself. */
  #finish(ended: Ended | undefined): void {
    if (this.#over) return
    const [left] = this.#rejections?.values().map((error) => new Uncaught(error).record) ?? []
    const fault =
      this.#fault ?? (left === undefined ? undefined : { kind: 'threw', error: left, final: false })
    this.#over = true
    this.#wake()
    this.#end((fault ?? ended)!)
  }

  #stateText(state: unknown): Json {
    const text = toJson(state, 'checkpoint')
    checkState(this.#run.type.state, text)
    return text
  }

  async #checkpoint(state: unknown, durable: boolean): Promise<void> {
    this.#checkLease()
    if (state !== undefined && !this.#over && this.#reason === undefined) {
      const text = this.#stateText(state)
      this.#sleeps.checkpoint()
      if (durable) await this.#durable(text)
      else this.#tell((callbacks) => callbacks.checkpoint(text))
    }
    const now = this.#clock.monotonic()
    if (now - this.#lastTurn >= turnEvery) {
      this.#lastTurn = now
      await turn(this.#clock)
    }
    await this.#pausePoint()
  }

  /**
   * If the task is paused in the meantime, nothing is written: try again when it resumes. A run that must end does not wait
   * for the store.
   */
  async #durable(text: Json): Promise<void> {
    while (!this.#over && this.#reason === undefined) {
      const held = outsideOfTasks(() => this.#callbacks.durable(text))
      held.catch(() => undefined)
      if ((await this.#orAborted(held)) !== false) return
      await this.#pausePoint()
    }
  }

  /** Undefined as soon as the run is aborted, whatever it waits for. */
  async #orAborted<T>(answer: Promise<T>): Promise<T | undefined> {
    let look = () => {}
    const aborted = new Promise<undefined>((resolve) => {
      look = () => {
        if (this.aborted || this.#over) resolve(undefined)
        else this.#waiting.add(look)
      }
    })
    look()
    try {
      return await Promise.race([answer, aborted])
    } finally {
      this.#waiting.delete(look)
    }
  }

  async #step(
    name: string,
    run: (step: StepContext) => unknown,
    { retries = 0, timeout: limit }: StepOptions,
  ): Promise<unknown> {
    mustBeStepName(name)
    if (!Number.isInteger(retries) || retries < 0)
      throw new RangeError('task.step: retries must be a whole number from 0')
    const timeout = limit === undefined ? undefined : parseDuration(limit)
    if (limit !== undefined && timeout === undefined) throw notDuration('task.step', limit)
    const occurrence = (this.#uses.get(name) ?? 0) + 1
    this.#uses.set(name, occurrence)
    const key = { name, occurrence }
    const recalled = await this.#recall(key)
    if (recalled.kind === 'completed') return JSON.parse(recalled.result) as unknown
    const began = this.#clock.monotonic()
    let attempts = recalled.kind === 'open' ? recalled.attempts : 0
    for (let failures = 0; ;) {
      attempts += 1
      const ended = await this.#callOnce({ key, run, attempt: attempts, timeout })
      const took = this.#clock.monotonic() - began
      if ('result' in ended) {
        await this.#store({ ...key, attempts, took, result: ended.result })
        return JSON.parse(ended.result) as unknown
      }
      const { error } = ended
      // The code was told to stop: that is no failure of the step.
      if (this.#reason !== undefined || this.#over) throw error
      failures += 1
      const delay = retryDelay(this.#run.type.backoff, failures, retries + 1, 0)
      if (delay === null || isInstance(error, NonRetryableError)) {
        await this.#store({ ...key, attempts, took, error: toErrorRecord(error) })
        throw error
      }
      await this.#sleep(delay)
    }
  }

  /** A run that is the first of its task has nothing to remember. */
  async #recall(key: StepKey): Promise<Recalled> {
    this.#steps += 1
    await this.#pausePoint()
    if (this.#steps > stepLimits.steps) throw new TooManySteps()
    if (this.#run.fence === 1) return { kind: 'open', attempts: 0 }
    for (;;) {
      const recalled = await this.#orAborted(outsideOfTasks(() => this.#callbacks.recall(key)))
      if (this.#over) throw new TaskUnwound('its handler has returned')
      if (recalled?.kind === 'full') throw new TooManySteps()
      if (recalled?.kind === 'unreadable')
        throw new StoredInvalid(
          `The stored result of the step ${stepTitle(key)} cannot be read: ${recalled.why}.`,
        )
      if (recalled != null) return recalled
      await this.#pausePoint()
    }
  }

  async #callOnce({ key, run, attempt, timeout }: StepCall): Promise<StepEnd> {
    const idempotencyKey = `${this.id}:${key.name}:${key.occurrence}`
    const stopped = timeout === undefined ? undefined : new AbortController()
    const signalOf = () =>
      stopped === undefined ? this.signal : AbortSignal.any([this.signal, stopped.signal])
    let signal: AbortSignal | undefined
    const context: StepContext = {
      idempotencyKey,
      attempt,
      get signal() {
        return (signal ??= signalOf())
      },
    }
    let disarm: (() => void) | undefined
    this.#callsRunning += 1
    try {
      const calling = (async () => run(context))()
      const value =
        timeout === undefined || stopped === undefined
          ? await calling
          : await Promise.race([
              calling,
              new Promise<never>((_, reject) => {
                disarm = this.#clock.after(timeout, () => {
                  const late = new StepTimeout(key.name, timeout)
                  reject(late)
                  asCodeOf(this, () => stopped.abort(late))
                })
              }),
            ])
      return { result: toJson(value, 'step result') }
    } catch (error) {
      return { error }
    } finally {
      disarm?.()
      this.#callsRunning -= 1
      if (this.#callsRunning === 0 && this.#awaited.size > 0) this.#wake()
    }
  }

  /** Whoever is told to stop does not wait for the store, but what a step has done is recorded. */
  async #store(report: StepReport): Promise<void> {
    for (;;) {
      const held = outsideOfTasks(() => this.#callbacks.step(report))
      held.catch(() => undefined)
      if ((await this.#orAborted(held)) !== false) break
      await this.#pausePoint()
    }
    await this.#pausePoint()
  }

  async #spawn(
    of: ChildType,
    list: readonly unknown[],
    { name: given, ...options }: SpawnOptions,
  ): Promise<Child[]> {
    const type = typeof of === 'string' ? of : of.type
    const name = given ?? type
    mustBeChildName(name)
    const uses = this.#children.get(name) ?? 0
    this.#children.set(name, uses + list.length)
    const children = list.map((parameters, index) => ({
      occurrence: uses + index + 1,
      parameters: toJson(parameters, 'parameters'),
    }))
    const plain = plainOptions({ ...this.#trace, ...options })
    const started: Child[] = []
    while (started.length < children.length) {
      const portion = children.slice(started.length, started.length + childLimits.atOnce)
      const ids = await this.#start({ type, name, options: plain, children: portion })
      started.push(...portion.map(({ occurrence }, index) => ({ id: ids[index]!, type, name, occurrence })))
    }
    await this.#pausePoint()
    return started
  }

  /** The ids of the children. */
  async #start(request: SpawnRequest): Promise<readonly string[]> {
    for (;;) {
      await this.#pausePoint()
      const spawned = await this.#orAborted(outsideOfTasks(() => this.#callbacks.spawn(request)))
      if (spawned?.kind === 'started') return spawned.ids
      if (spawned?.kind === 'refused') throw new ChildRefused(spawned.error)
      if (this.#over) throw new TaskUnwound('its handler has returned')
    }
  }

  get #trace(): Readonly<{ traceparent?: string; tracestate?: string }> {
    const { traceparent, tracestate } = this
    return {
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(tracestate === undefined ? {} : { tracestate }),
    }
  }

  /** A sleep of the code: a long one frees the slot once the code has nothing else to do. */
  async #sleepOf(ms: number): Promise<void> {
    const sleep = this.#sleeps.begin(ms, this.#clock.monotonic())
    this.#lastCall = this.#clock.monotonic()
    try {
      const left = sleep.until - this.#clock.monotonic()
      if (left <= shortSleep) return await this.#sleep(left)
      await this.#idle({
        until: sleep.until,
        quiet: () => (sleep.isTimer ? Number.POSITIVE_INFINITY : quietFor),
      })
    } finally {
      this.#sleeps.end(sleep)
    }
  }

  /**
   * Until this time, or until there are other news than these. Frees the slot once the code has called nothing for `quiet`, and runs no
   * step.
   */
  async #idle({ until, quiet, news }: Idle): Promise<void> {
    for (;;) {
      await this.#pausePoint(true)
      if (this.#over) return
      const now = this.#clock.monotonic()
      const rest = until - now
      if (this.#asleep === undefined && (rest <= 0 || (news !== undefined && news !== this.#news))) return
      const calmFor = this.#callsRunning > 0 ? Number.POSITIVE_INFINITY : quiet()
      const quietIn = this.#asleep === undefined ? this.#lastCall + calmFor - now : rest
      if (this.#asleep === undefined && quietIn <= 0) {
        this.#asleep = 'asleep'
        const request = this.#suspension(now)
        // The callbacks may abort or resume within this call.
        this.#tell((callbacks) => callbacks.asleep(request))
      } else if (rest <= 0) {
        this.#isAwake(false)
        if (this.#asleep !== undefined) await this.#changed()
      } else {
        const first = Math.min(rest, quietIn)
        await this.#changed(Number.isFinite(first) ? first : undefined)
      }
    }
  }

  /** What the row keeps of what the code waits for. */
  #suspension(now: number): SleepRequest {
    const awaited = [...this.#awaited]
    const until = Math.min(...awaited.map((one) => one.until))
    const children = awaited.reduce((sum, one) => sum + one.children, 0)
    const names = awaited.flatMap(({ name }) => (name === null ? [] : [name]))
    const awaits =
      awaited.length === 0
        ? null
        : {
            seen: Math.min(...awaited.map(({ seen }) => seen)),
            waits: names.slice(0, namedAwaits),
            ...(children === 0 ? {} : { children }),
          }
    return this.#sleeps.request(now, until, awaits)
  }

  async #wait(name: string, { schema, message: asked, timeout: limit }: WaitOptions): Promise<unknown> {
    const message = asked ?? null
    mustBeWaitName(name)
    const timeout = limit === undefined ? null : parseDuration(limit)
    if (timeout === undefined) throw notDuration('task.wait', limit!)
    if (message !== null && message.length > waitLimits.message)
      throw new TooLarge('message of a wait', waitLimits.message)
    const occurrence = (this.#waitUses.get(name) ?? 0) + 1
    this.#waitUses.set(name, occurrence)
    const request = { name, occurrence, schema: schemaText(schema), message, timeout }
    const awaited: Awaited = { name, seen: 0, until: Number.POSITIVE_INFINITY, children: 0 }
    let timedOut = false
    try {
      for (;;) {
        await this.#pausePoint()
        const news = this.#news
        const look = () => this.#callbacks.wait({ ...request, timedOut })
        const state = await this.#orAborted(outsideOfTasks(look))
        if (this.#over) throw new TaskUnwound('its handler has returned')
        if (state == null) continue
        if (state.kind === 'answered')
          return parseStored(schema, state.answer, `answer of the wait ${stepTitle(request)}`)
        if (state.kind === 'timed-out') return { timedOut: true }
        if (state.kind === 'full') throw new TooManyWaits()
        if (state.kind === 'unreadable')
          throw new StoredInvalid(`The stored wait ${stepTitle(request)} cannot be read: ${state.why}.`)
        awaited.seen = state.seen
        awaited.until = state.left === null ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + state.left
        this.#awaited.add(awaited)
        await this.#idle({ until: awaited.until, news, quiet: () => this.#quietForWaits })
        timedOut = this.#clock.monotonic() >= awaited.until
      }
    } finally {
      this.#awaited.delete(awaited)
    }
  }

  async #join(mode: JoinMode, children: readonly Child[]): Promise<unknown> {
    const join = { mode, children: joinedIds(children) }
    if (join.children.length === 0) {
      await this.#pausePoint()
      if (mode === 'any') throw new NoChildCompleted(0)
      return []
    }
    this.#joins.add(join)
    const awaited: Awaited = { name: null, seen: 0, until: Number.POSITIVE_INFINITY, children: 0 }
    try {
      for (;;) {
        await this.#pausePoint()
        const news = this.#news
        const others = [...this.#joins].flatMap((other) => (other === join ? [] : other.children))
        const look = () => this.#callbacks.join({ ...join, others: [...new Set(others)] })
        const state = await this.#orAborted(outsideOfTasks(look))
        if (this.#over) throw new TaskUnwound('its handler has returned')
        if (state == null) continue
        if (state.kind === 'unknown') throw new ChildUnknown(state.id)
        if (state.kind === 'none') throw new NoChildCompleted(join.children.length)
        if (state.kind !== 'open') {
          const ids = state.kind === 'decided' ? [state.id] : join.children
          const outcomes = await this.#outcomes(ids)
          // A child that was retried since has not ended any more.
          if (outcomes !== undefined) return joinedResult(mode, children, outcomes)
          continue
        }
        awaited.seen = state.seen
        awaited.children = state.left
        this.#awaited.add(awaited)
        await this.#idle({ until: awaited.until, news, quiet: () => this.#quietForWaits })
      }
    } finally {
      this.#joins.delete(join)
      this.#awaited.delete(awaited)
    }
  }

  /** Read page by page. Undefined if one of them has not ended. */
  async #outcomes(ids: readonly string[]): Promise<ReadonlyMap<string, ChildOutcome> | undefined> {
    const outcomes = new Map<string, ChildOutcome>()
    while (outcomes.size < ids.length) {
      await this.#pausePoint()
      const left = ids.slice(outcomes.size, outcomes.size + joinedAtOnce)
      const page = await this.#orAborted(outsideOfTasks(() => this.#callbacks.outcomes(left)))
      if (this.#over) throw new TaskUnwound('its handler has returned')
      if (page == null) continue
      if (page.length === 0) throw new ChildUnknown(left[0]!)
      for (const [index, outcome] of page.entries()) {
        if (outcome.id !== left[index]) throw new ChildUnknown(left[index]!)
        if (!isTerminal(outcome.status)) return undefined
        outcomes.set(outcome.id, outcome)
      }
    }
    return outcomes
  }

  /** Work beside a wait gives the slot back ever more rarely. */
  get #quietForWaits(): number {
    return quietFor * 2 ** Math.min(this.#earlyWakes, mostDoublings)
  }

  async #sleep(ms: number): Promise<void> {
    await this.#pausePoint()
    let left = ms
    while (left > 0) {
      const began = this.#clock.monotonic()
      await this.#changed(left)
      left -= this.#clock.monotonic() - began
      await this.#pausePoint()
    }
  }

  /** Until controls change, or for that many milliseconds. */
  async #changed(ms?: number): Promise<void> {
    let stop: (() => void) | undefined
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
      if (ms !== undefined) stop = this.#clock.after(ms, wake)
    })
    stop?.()
  }

  /** Reported once: then it continues when it is told to. */
  #isAwake(early: boolean): void {
    if (this.#asleep !== 'asleep') return
    if (early) {
      this.#sleeps.areTimers()
      this.#earlyWakes += 1
    }
    this.#asleep = 'awake'
    this.#tell((callbacks) => callbacks.awake(early))
  }

  /** Waits here while a pause is requested, or until a sleeping run has its slot again; throws once the run is aborted. */
  async #pausePoint(isSleep = false): Promise<void> {
    if (!isSleep) this.#lastCall = this.#clock.monotonic()
    for (;;) {
      this.#goesOn()
      this.#checkLease()
      if (this.#reason !== undefined) throw this.#reason
      if (!isSleep && this.#asleep !== undefined && !this.#over) {
        this.#isAwake(true)
        if (this.#asleep !== undefined) await this.#changed()
        continue
      }
      if (!this.#pauseRequested || this.#over) return
      if (!this.#announced) {
        this.#announced = true
        // The callbacks may abort or resume within this call.
        this.#tell((callbacks) => callbacks.suspended())
        continue
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #pausePointSync(sync: SyncControl): void {
    sync.poll()
    for (;;) {
      this.#checkLease()
      if (this.#reason !== undefined) throw this.#reason
      if (this.#asleep !== undefined && !this.#over) {
        this.#isAwake(true)
        sync.wait()
        continue
      }
      if (!this.#pauseRequested || this.#over) return
      if (this.#announced) {
        sync.wait()
      } else {
        this.#announced = true
        this.#tell((callbacks) => callbacks.suspended())
        sync.poll()
      }
    }
  }

  /**
   * True if the lease of the node has ended: a process that was frozen continues before anyone can tell it. Never throws,
   * since `log` and `progress` are also called where nothing catches.
   */
  #checkLease(): boolean {
    if (this.#lease === undefined || this.#over || this.#lease.lapses === this.#lapses) return false
    this.#outlivedLease = true
    this.abort(new TaskUnwound(leaseOver))
    return true
  }

  #needsSync(call: string): SyncControl {
    if (this.#sync !== undefined) return this.#sync
    throw new TypeError(
      `task.${call} would block the main thread: set runs: 'thread' or 'process' for the type`,
    )
  }

  /** From here on, this handler keeps the main thread. */
  #goesOn(): void {
    if (this.#sync === undefined) inlineTurns.enter(this.#run.type.type)
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

/** What a part of the code waits for: an answer to `name`, or children. `until`: by the monotonic clock, infinite for never. */
type Awaited = { readonly name: string | null; seen: number; until: number; children: number }

/** What `all` and `settled` return for each child, and `any` for one. */
function joinedResult(
  mode: JoinMode,
  children: readonly Child[],
  outcomes: ReadonlyMap<string, ChildOutcome>,
): unknown {
  const ended = children.flatMap((child) => {
    const outcome = outcomes.get(child.id)
    return outcome === undefined ? [] : [{ child, outcome }]
  })
  if (mode === 'settled') return ended.map(({ child, outcome }) => settledChild(child, outcome))
  const failed = ended.find(({ outcome }) => outcome.status !== 'completed')
  if (failed !== undefined) throw new ChildFailed(failed.child, failed.outcome)
  const results = ended.map(({ child, outcome }) => ({ child, result: resultOf(child, outcome) }))
  return mode === 'any' ? results[0] : results.map(({ result }) => result)
}

function settledChild(child: Child, outcome: ChildOutcome): SettledChild {
  const { status, error } = outcome
  if (status === 'completed') return { status, child, result: resultOf(child, outcome) }
  if (status === 'failed') {
    const { code = 'ERROR', name = 'Error', message = '' } = error ?? {}
    return { status, child, error: { code, name, message } }
  }
  return { status: 'cancelled', child }
}

function resultOf(child: Child, { result, unreadable }: ChildOutcome): unknown {
  if (unreadable !== undefined) throw resultUnreadable(child, unreadable)
  return JSON.parse(result ?? 'null') as unknown
}

type Idle = Readonly<{ until: number; quiet: () => number; news?: number }>

type StepCall = Readonly<{
  key: StepKey
  run: (step: StepContext) => unknown
  attempt: number
  timeout: number | undefined
}>

type StepEnd = Readonly<{ result: Json }> | Readonly<{ error: unknown }>

function notDuration(call: string, time: Duration): RangeError {
  return new RangeError(`${call}: ${JSON.stringify(time)} is not a duration; use seconds or text like "10s"`)
}

/** As it is sent: without dates, and without what is not set. */
function plainOptions({ runAt, ...options }: SpawnOptions): SpawnRequest['options'] {
  const at = runAt instanceof Date ? runAt.getTime() / 1_000 : runAt
  return JSON.parse(JSON.stringify({ ...options, runAt: at })) as SpawnRequest['options']
}

/** A child was not started, for the reason of a submit. */
class ChildRefused extends TaskError {
  readonly code: string
  readonly #name: string

  constructor({ code, name, message }: ErrorRecord) {
    super(message)
    this.code = code
    this.#name = name
  }

  override get name(): string {
    return this.#name
  }
}

/** Its code threw an uncatchable error: why the run ends, and what is recorded. */
class Uncaught extends TaskError {
  readonly code: string
  readonly record: ErrorRecord

  constructor(error: unknown) {
    const thrown = toErrorRecord(error)
    const isExit = isInstance(error, ProcessEnded)
    const message = isExit
      ? thrown.message
      : `Thrown in a timer, an event listener or a promise that is not awaited, so nothing could catch it: ${thrown.message}`
    super(message)
    this.code = isExit ? thrown.code : 'UNCAUGHT'
    this.record = { ...thrown, code: this.code, message }
  }
}

/** A handler may leave a `task.*` call floating: its rejection must not end the process. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
