import { parseDuration } from '../core/duration.ts'
import type { Duration, StepContext, StepOptions, StepResult, TimedOut } from '../registry/context.ts'
import { FermataError, isFermataError } from './errors.ts'
import type { Fermata } from './fermata.ts'
import type { AnswerOf, Beat, ClaimedTask, EndedStep, Parking, WorkerTypeDraft } from './types.ts'
import { backoff, now, sleep } from './waiting.ts'

/** `schema`: a JSON schema that the answer must fit. `message`: for people. `timeout`: from the first run that comes to the wait. */
export type AnswerOptions = Readonly<{
  schema?: Readonly<Record<string, unknown>>
  message?: string
  timeout?: Duration
}>

/** What a handler in a worker sees of its task. */
export type WorkerTask<State = unknown> = Readonly<{
  id: string
  type: string
  /** 1 for the first attempt. */
  attempt: number
  /** Rises with every claim. Pass it in writes to other systems to reject those of an older run. */
  fence: number
  /** Names this claim in calls about it, such as `beat`. */
  leaseToken: string
  /** The latest checkpoint of an earlier run; undefined on a fresh start. */
  state: State | undefined
  /** What earlier runs have slept since the checkpoint, for `park`; null if nothing. */
  sleeps: ClaimedTask['sleeps']
  /** Aborted when the task is cancelled or times out, when its lease is lost, or when the worker must end. */
  signal: AbortSignal
  /** Aborted when the task should pause: for code that cannot call `checkpoint` often. */
  pausing: AbortSignal
  /** `current` counts towards `total`, in units of your choice. */
  progress(current: number, total?: number | null, message?: string | null): void
  /** Adds a line to the log of the task. */
  log(line: string): void
  /** Stores a state from which a later run can continue, and is no pause point. */
  keep(state: State): void
  /**
   * Stores a state from which a later run can continue. It is also a pause point: if the task must pause, this throws, and the
   * run ends there. Throws the signal's reason once the signal is aborted.
   */
  checkpoint(state?: State): Promise<void>
  /**
   * Calls the function once, and stores its result, which is JSON, before it returns: later runs of the task get that result. A pause
   * point. Throws the error of the last call, and `TOO_MANY_STEPS` or `TOO_LARGE`.
   */
  step<Result>(
    name: string,
    run: (step: StepContext) => Promise<Result> | Result,
    options?: StepOptions,
  ): Promise<StepResult<Result>>
  /**
   * Does nothing for a while. If that is more than a second and the code calls nothing else, the run ends here, and a later one, which
   * starts from the checkpoint, comes back to this sleep and continues after it.
   */
  sleep(time: Duration): Promise<void>
  /** Waits until somebody answers; an answer that is there is taken at once. Ends the run like a sleep. */
  wait<Answer = unknown>(
    name: string,
    options: AnswerOptions & { timeout: Duration },
  ): Promise<Answer | TimedOut>
  wait<Answer = unknown>(name: string, options?: AnswerOptions): Promise<Answer>
  /** Ends the run until a time or an answer, for code that keeps its own account of sleeps and waits: throws. */
  park(parking: Omit<Parking, 'checkpoint'>): never
}>

/** A type and the code that runs it. */
export type WorkerHandler = Omit<WorkerTypeDraft, 'type'> &
  Readonly<{
    run(parameters: never, task: WorkerTask<never>): unknown
  }>

/** Seconds that a task runs before its first beat: most need none. */
const firstBeat = 0.1
/** Seconds between beats that store something, and between beats of a task that was told to stop. */
const beatEvery = 0.5
/** Seconds for which a settlement is retried, and what a handler waits for. */
const settleFor = 300
/** Seconds: shorter sleeps keep the task. */
const shortSleep = 1
/** Seconds without a call of the handler after which a sleep ends the run: before, it may only measure the time of other work. */
const quietFor = 0.25
/** Seconds between looks for an answer beside other work. */
const lookEvery = 10
/** Seconds before a failed function of a step is called again: the first time, doubling, and at most. */
const stepDelays = { first: 1, longest: 3_600 } as const
/** Of more sleeps side by side, a later run starts those beyond again. */
const rememberedSleeps = 1_000
/** Seconds of ten years: the server takes no longer time. */
const longest = 10 * 365 * 86_400
/** Unused steps that a log line names. */
const named = 5

/** Thrown out of a handler where its run ends and its task continues later. */
class Unwound extends Error {
  override readonly name = 'Unwound'
}

/** `isTimer`: it does not end the run. Times by the monotonic clock. */
type OpenSleep = Readonly<{ until: number; index: number; round: number; isTimer: boolean }>
type OpenWait = { readonly name: string; seen: number; until: number }
type StoredStep = AnswerOf<'getStoredSteps'>['steps'][number]

export type Means = Readonly<{ lease: number; trouble: (error: unknown, what: string) => void }>

/** One claimed task. */
export class Run {
  /** Resolves when it is settled, or lost. */
  readonly over: Promise<void>
  readonly #server: Fermata
  readonly #task: ClaimedTask
  readonly #means: Means
  readonly #abort = new AbortController()
  /** Ends its beats. */
  readonly #ended = new AbortController()
  #pending: Beat = {}
  #flushing: Promise<void> | undefined
  readonly #pause = new AbortController()
  #mustPause = false
  #drains = false
  #isLost = false
  /** What the task waits for: the run ends. */
  #parking: Parking | undefined
  /** Pending calls of the handler, each of which checks for itself. */
  readonly #waiting = new Set<() => void>()
  /** When the code last called anything. */
  #lastCall = now()
  /** Functions of steps that are running. */
  #callsRunning = 0
  /** Steps and looks that are under way: the code has something to do. */
  #busy = 0
  /** Steps that are being stored. */
  readonly #storing = new Set<Promise<unknown>>()
  /** Uses of each name of a step, and of a wait. */
  readonly #uses = { step: new Map<string, number>(), wait: new Map<string, number>() }
  /** Steps of earlier runs that were read and not recalled yet. */
  readonly #stored = new Map<string, StoredStep>()
  /** After which the next page of them begins; null once all were read. */
  #after: number | null
  #reading: Promise<void> | undefined
  readonly #sleeping = new Set<OpenSleep>()
  readonly #awaited = new Set<OpenWait>()
  /** What earlier runs have slept since the checkpoint; sleeps since then, and how many checkpoints there were. */
  #slept: ClaimedTask['sleeps']
  #begun = 0
  #round = 0

  constructor(server: Fermata, task: ClaimedTask, handler: WorkerHandler, means: Means) {
    this.#server = server
    this.#task = task
    this.#means = means
    this.#slept = task.sleeps
    // The first run of a task has nothing to recall.
    this.#after = task.fence > 1 ? 0 : null
    void this.#watch()
    this.over = this.#carryOut(handler)
  }

  /** It ends at its next pause point. */
  drain(): void {
    this.#drains = true
    this.#pause.abort()
    this.#wake()
  }

  abort(reason: Error): void {
    this.#drains = true
    this.#stop(reason)
  }

  async #carryOut(handler: WorkerHandler): Promise<void> {
    const { lease_token: token, parameters } = this.#task
    // Most are settled by one call; the server answers a repeated one like the first.
    const options = { patience: settleFor, signal: undefined }
    const settle = await (async () => {
      try {
        const result = await handler.run(parameters as never, this.#seen() as never)
        await this.#reportUnused()
        return () => this.#server.completeTask(token, result, options)
      } catch (error) {
        if (error instanceof Unwound || (this.#drains && error === this.#abort.signal.reason))
          return () => this.#leave(options)
        return () => this.#server.failTask(token, failureOf(error), options)
      }
    })()
    await Promise.allSettled(this.#storing)
    if (!this.#isLost) await this.#flush()
    this.#ended.abort()
    await this.#flushing
    if (this.#isLost) return
    try {
      await settle().catch((error: unknown) => {
        if (!isRefused(error)) throw error
        // A result that is no JSON, or too large: without an end, the task would run again and again.
        return this.#server.failTask(token, failureOf(error), options)
      })
    } catch (error) {
      this.#means.trouble(error, 'settle')
    }
  }

  /** The task continues in a later run. A checkpoint that is stored is not repeated: it would drop what was slept since. */
  #leave(options: Readonly<{ patience: number; signal: undefined }>): Promise<unknown> {
    const { lease_token: token } = this.#task
    const { checkpoint = null } = this.#pending
    return this.#parking === undefined
      ? this.#server.returnPausedTask(token, checkpoint, options)
      : this.#server.parkTask(token, { ...this.#parking, checkpoint }, options)
  }

  #seen(): WorkerTask {
    const { task_id: id, task_type: type, lease_token: leaseToken, checkpoint, ...claimed } = this.#task
    const { attempt, fence, sleeps } = claimed
    const keep = (state: unknown) => {
      this.#slept = null
      this.#begun = 0
      this.#round += 1
      this.#tell({ checkpoint: state })
    }
    return {
      id,
      type,
      attempt,
      fence,
      leaseToken,
      sleeps,
      state: checkpoint ?? undefined,
      signal: this.#abort.signal,
      pausing: this.#pause.signal,
      keep,
      progress: (current, total = null, message = null) =>
        this.#tell({ progress: { current, total, message } }),
      log: (line) => this.#tell({ logs: [...(this.#pending.logs ?? []), line].slice(-1_000) }),
      checkpoint: async (state) => {
        this.#abort.signal.throwIfAborted()
        if (state !== undefined) keep(state)
        this.#lastCall = now()
        if (this.#mustEnd) throw this.#unwound(false)
        // A handler that only stores checkpoints would let nothing else happen.
        await new Promise((resolve) => setTimeout(resolve, 0))
        this.#abort.signal.throwIfAborted()
      },
      step: (name, run, options = {}) => quiet(this.#step(name, run, options)),
      sleep: (time) => quiet(this.#sleep(time)),
      wait: (name: string, options?: AnswerOptions) =>
        quiet(this.#wait(name, options ?? {}) as Promise<never>),
      park: (parking) => {
        this.#parking ??= parking
        throw this.#unwound(true)
      },
    }
  }

  async #step<Result>(
    name: string,
    run: (step: StepContext) => Promise<Result> | Result,
    { retries = 0, timeout: limit }: StepOptions,
  ): Promise<StepResult<Result>> {
    const timeout = limit === undefined ? undefined : secondsOf('task.step', limit)
    const key = { name, occurrence: this.#use('step', name), timeout }
    await this.#pausePoint()
    return this.#whileBusy(() => this.#stepOf(key, run, retries))
  }

  async #stepOf<Result>(
    { timeout, ...key }: Omit<StepCall, 'attempts'>,
    run: (step: StepContext) => Promise<Result> | Result,
    retries: number,
  ): Promise<StepResult<Result>> {
    const stored = await this.#recall(key)
    if (stored?.status === 'completed') return stored.result as StepResult<Result>
    const began = now()
    let { attempts = 0 } = stored ?? {}
    for (let failures = 0; ;) {
      attempts += 1
      const ended = await this.#callOnce(run, { ...key, attempts, timeout })
      const took = now() - began
      if ('result' in ended) {
        await this.#store({ ...key, attempts, took, result: ended.result ?? null })
        // As a later run gets it.
        return JSON.parse(JSON.stringify(ended.result ?? null)) as StepResult<Result>
      }
      const { error } = ended
      // The code was told to stop: that is no failure of the step.
      if (this.#abort.signal.aborted || error instanceof Unwound) throw error
      failures += 1
      const { retryable, ...failure } = failureOf(error)
      if (failures > retries || !retryable) {
        await this.#store({ ...key, attempts, took, ...failure })
        throw error
      }
      const until = now() + Math.min(stepDelays.longest, stepDelays.first * 2 ** (failures - 1))
      await this.#idle(until, true)
    }
  }

  async #callOnce<Result>(
    run: (step: StepContext) => Promise<Result> | Result,
    { name, occurrence, attempts: attempt, timeout }: StepCall,
  ): Promise<{ result: Result } | { error: unknown }> {
    const stopped = new AbortController()
    const signal = AbortSignal.any([this.#abort.signal, stopped.signal])
    const idempotencyKey = `${this.#task.task_id}:${name}:${occurrence}`
    let timer: ReturnType<typeof setTimeout> | undefined
    this.#callsRunning += 1
    try {
      const calling = (async () => run({ idempotencyKey, attempt, signal }))()
      if (timeout === undefined) return { result: await calling }
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const message = `The step ${JSON.stringify(name)} took longer than its timeout of ${timeout} s.`
          const error = Object.assign(new Error(message), { code: 'STEP_TIMEOUT' })
          reject(error)
          stopped.abort(error)
        }, timeout * 1_000)
      })
      return { result: await Promise.race([calling, late]) }
    } catch (error) {
      return { error }
    } finally {
      clearTimeout(timer)
      this.#callsRunning -= 1
      this.#lastCall = now()
      this.#wake()
    }
  }

  /** The stored step, once. Steps that run side by side share a read. */
  async #recall({
    name,
    occurrence,
  }: Pick<StepCall, 'name' | 'occurrence'>): Promise<StoredStep | undefined> {
    const id = `${occurrence} ${name}`
    while (!this.#stored.has(id) && this.#after !== null) await this.#readMore()
    const step = this.#stored.get(id)
    this.#stored.delete(id)
    return step
  }

  #readMore(): Promise<void> {
    this.#reading ??= (async () => {
      const options = { after: this.#after ?? 0, ...this.#patient }
      const { steps, next } = await this.#held(this.#server.getStoredSteps(this.#task.lease_token, options))
      for (const step of steps) this.#stored.set(`${step.occurrence} ${step.name}`, step)
      this.#after = next
    })().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** Resolves after the commit, or rejects once the run is aborted; the step is stored in either case. */
  async #store(step: EndedStep): Promise<void> {
    const stored = this.#beat({ steps: [step] }, undefined, settleFor)
    this.#storing.add(stored)
    const forget = () => this.#storing.delete(stored)
    stored.then(forget, forget)
    await this.#orStopped(stored)
    await this.#pausePoint()
  }

  /** New code may have renamed what an earlier run has done: that must not be lost without notice. */
  async #reportUnused(): Promise<void> {
    if (this.#task.fence === 1 || this.#uses.step.size === 0) return
    try {
      while (this.#after !== null) await this.#readMore()
    } catch (error) {
      return this.#means.trouble(error, 'steps')
    }
    const unused = [...this.#stored.values()].filter(({ status }) => status === 'completed')
    if (unused.length === 0) return
    const titles = unused
      .slice(0, named)
      .map(({ name, occurrence }) =>
        occurrence === 1 ? JSON.stringify(name) : `${JSON.stringify(name)} (${occurrence})`,
      )
    const list = `${titles.join(', ')}${unused.length > named ? ', ...' : ''}`
    const line = `Steps that an earlier run has stored do not occur in this one: ${list}.`
    this.#pending = { ...this.#pending, logs: [...(this.#pending.logs ?? []), line] }
  }

  async #sleep(time: Duration): Promise<void> {
    const seconds = secondsOf('task.sleep', time)
    const index = this.#begun++
    const { over = 0, left = [] } = this.#slept ?? {}
    const rest = index < over ? 0 : (left[index - over] ?? seconds)
    const open = { until: now() + rest, index, round: this.#round, isTimer: rest <= shortSleep }
    this.#sleeping.add(open)
    try {
      await this.#pausePoint()
      await this.#idle(open.until, open.isTimer)
    } finally {
      this.#sleeping.delete(open)
    }
  }

  async #wait(name: string, { schema, message, timeout }: AnswerOptions): Promise<unknown> {
    const look = {
      name,
      occurrence: this.#use('wait', name),
      ...(schema === undefined ? {} : { schema }),
      ...(message === undefined ? {} : { message }),
      ...(timeout === undefined ? {} : { timeout: secondsOf('task.wait', timeout) }),
    }
    const awaited: OpenWait = { name, seen: 0, until: Number.POSITIVE_INFINITY }
    let timedOut = false
    try {
      for (;;) {
        await this.#pausePoint()
        const asked = { ...look, timed_out: timedOut }
        const state = await this.#whileBusy(() =>
          this.#held(this.#server.lookAtWait(this.#task.lease_token, asked, this.#patient)),
        )
        if (state.status === 'answered') return state.answer
        if (state.status === 'timed_out') return { timedOut: true }
        awaited.seen = state.seen ?? 0
        awaited.until = state.left === null ? Number.POSITIVE_INFINITY : now() + state.left
        this.#awaited.add(awaited)
        await this.#idle(awaited.until, false, now() + lookEvery)
        timedOut = now() >= awaited.until
      }
    } finally {
      this.#awaited.delete(awaited)
    }
  }

  #use(kind: 'step' | 'wait', name: string): number {
    const use = (this.#uses[kind].get(name) ?? 0) + 1
    this.#uses[kind].set(name, use)
    return use
  }

  /** Until then, or until it is time to look again. Ends the run once the code has nothing else to do. */
  async #idle(until: number, isTimer: boolean, look = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      this.#abort.signal.throwIfAborted()
      if (this.#mustEnd && this.#callsRunning === 0) throw this.#unwound(true)
      const time = now()
      if (time >= until || time >= look) return
      const quietIn = this.#busy > 0 || isTimer ? Number.POSITIVE_INFINITY : this.#lastCall + quietFor - time
      if (quietIn <= 0) {
        this.#parking = this.#parkingNow(true)
        this.#wake()
      } else await this.#changed(Math.min(until - time, quietIn, look - time))
    }
  }

  /** Throws if the run must end here: not before the functions of steps have returned. */
  async #pausePoint(): Promise<void> {
    this.#lastCall = now()
    for (;;) {
      this.#abort.signal.throwIfAborted()
      if (!this.#mustEnd) return
      if (this.#callsRunning === 0) throw this.#unwound(false)
      await this.#changed()
    }
  }

  get #mustEnd(): boolean {
    return this.#mustPause || this.#drains || this.#parking !== undefined
  }

  /** `isIdle`: the code has nothing to do before what it waits for. Otherwise, only new sleeps must not be forgotten. */
  #unwound(isIdle: boolean): Unwound {
    const waits = isIdle && this.#busy === 0 && this.#sleeping.size + this.#awaited.size > 0
    const { over = 0, left = [] } = this.#slept ?? {}
    if (waits || this.#begun > over + left.length) this.#parking ??= this.#parkingNow(waits)
    return new Unwound('the run of the task ends here, and another one continues it')
  }

  #parkingNow(isIdle: boolean): Parking {
    const time = now()
    const left = ({ until }: Readonly<{ until: number }>) => Math.max(0, until - time)
    const sleeps = [...this.#sleeping].filter(({ round }) => round === this.#round)
    const over = Math.min(this.#begun, ...sleeps.map(({ index }) => index))
    const rests = Array.from({ length: Math.min(rememberedSleeps, this.#begun - over) }, () => 0)
    for (const open of sleeps)
      if (open.index - over < rests.length) rests[open.index - over] = Math.min(longest, left(open))
    const wakes = isIdle ? Math.min(...[...this.#sleeping, ...this.#awaited].map(left)) : 0
    const seen = Math.min(...[...this.#awaited].map((one) => one.seen))
    const waits = [...this.#awaited].map(({ name }) => name)
    return {
      ...(Number.isFinite(wakes) ? { wake_in: Math.min(longest, Math.ceil(wakes * 1_000) / 1_000) } : {}),
      ...(isIdle && waits.length > 0 ? { awaits: { seen, waits } } : {}),
      sleeps: { over, left: rests },
    }
  }

  /** Until something has changed, or for that many seconds. */
  async #changed(seconds = Number.POSITIVE_INFINITY): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
      // Timers of more than a month would ring at once.
      if (Number.isFinite(seconds)) timer = setTimeout(wake, Math.min(seconds, 86_400) * 1_000)
    })
    clearTimeout(timer)
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Rejects once the code is told to stop, whatever it waits for. */
  async #orStopped<T>(answer: Promise<T>): Promise<T> {
    const { signal } = this.#abort
    let stop = () => {}
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as Error)
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
    try {
      return await Promise.race([answer, stopped])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async #whileBusy<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1
    try {
      return await work()
    } finally {
      this.#busy -= 1
      this.#lastCall = now()
      this.#wake()
    }
  }

  #stop(reason: Error): void {
    this.#abort.abort(reason)
    this.#wake()
  }

  get #patient() {
    return { patience: settleFor, signal: this.#abort.signal }
  }

  /** Keeps the lease, and follows the signals. */
  async #watch(): Promise<void> {
    const { signal } = this.#ended
    try {
      await sleep(firstBeat, signal)
      for (let failures = 0; ;) {
        try {
          const wait = this.#mustPause || this.#abort.signal.aborted ? 0 : this.#means.lease / 3
          await this.#beat({ wait }, signal)
          failures = 0
          if (this.#mustPause || this.#abort.signal.aborted) await sleep(beatEvery, signal)
        } catch (error) {
          if (signal.aborted || this.#isLost) return
          this.#means.trouble(error, 'beat')
          await sleep(backoff(failures++), signal)
        }
      }
    } catch {
      // It has ended.
    }
  }

  /** Sent with the next beat. */
  #tell(part: Beat): void {
    this.#lastCall = now()
    this.#pending = { ...this.#pending, ...part }
    this.#flushSoon()
  }

  #flushSoon(): void {
    this.#flushing ??= sleep(beatEvery, this.#ended.signal)
      .then(() => this.#flush())
      .catch(() => undefined)
      .finally(() => {
        this.#flushing = undefined
        if (Object.keys(this.#pending).length > 0 && !this.#ended.signal.aborted && !this.#isLost)
          this.#flushSoon()
      })
  }

  async #flush(): Promise<void> {
    const pending = this.#pending
    if (Object.keys(pending).length === 0) return
    this.#pending = {}
    try {
      await this.#beat(pending, this.#ended.signal)
    } catch (error) {
      this.#pending = { ...pending, ...this.#pending }
      if (!this.#isLost && !this.#ended.signal.aborted) this.#means.trouble(error, 'beat')
    }
  }

  async #beat(beat: Beat, signal: AbortSignal | undefined, patience = 0): Promise<void> {
    const answer = await this.#held(this.#server.beat(this.#task.lease_token, beat, { signal, patience }))
    this.#mustPause = answer.signal === 'pause' || answer.signal === 'drain'
    if (this.#mustPause) {
      this.#pause.abort()
      this.#wake()
    }
    if (answer.signal === 'cancel') this.#stop(new Error('the task was cancelled or timed out'))
  }

  /** The answer of a call about the task, if its lease holds. */
  async #held<Answer>(call: Promise<Answer>): Promise<Answer> {
    try {
      return await call
    } catch (error) {
      if (isFermataError(error, 'LEASE_LOST') && !this.#isLost) {
        this.#isLost = true
        this.#means.trouble(error, 'lease')
        this.#stop(new Error('the lease of the task was lost'))
      }
      throw error
    }
  }
}

type StepCall = Readonly<{ name: string; occurrence: number; attempts: number; timeout: number | undefined }>

/** Repeating it would not help. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof FermataError)) return true
  const { code, status = 500 } = error
  return code !== 'LEASE_LOST' && status >= 400 && status < 500 && status !== 408 && status !== 429
}

function failureOf(error: unknown) {
  const { code, message, name, retryable } = Object(error) as Partial<Record<string, unknown>>
  const isCode = typeof code === 'string' && /^[A-Za-z0-9_.-]{1,100}$/.test(code)
  return {
    error: {
      ...(isCode ? { code } : {}),
      message: (typeof message === 'string' ? message : String(error)).slice(0, 100_000),
    },
    retryable: retryable !== false && name !== 'NonRetryableError',
  }
}

/** Throws `RangeError`. */
function secondsOf(call: string, time: Duration): number {
  const ms = parseDuration(time)
  if (ms !== undefined && ms <= longest * 1_000) return ms / 1_000
  throw new RangeError(
    `${call}: ${JSON.stringify(time)} is not a duration of at most ten years; use seconds or text like "10s"`,
  )
}

/** A handler may leave a call floating: its rejection must not end the process. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
