import { FermataError, isFermataError } from './errors.ts'
import type { Fermata } from './fermata.ts'
import type { Beat, ClaimedTask, WorkerTypeDraft } from './types.ts'
import { backoff, sleep } from './waiting.ts'

/** What a handler in a worker sees of its task. */
export type WorkerTask<State = unknown> = Readonly<{
  id: string
  type: string
  /** 1 for the first attempt. */
  attempt: number
  /** Rises with every claim. Pass it in writes to other systems to reject those of an older run. */
  fence: number
  /** The latest checkpoint of an earlier run; undefined on a fresh start. */
  state: State | undefined
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
}>

/** A type and the code that runs it. */
export type WorkerHandler = Omit<WorkerTypeDraft, 'type'> &
  Readonly<{
    run(parameters: never, task: WorkerTask<never>): unknown
  }>

export type WorkerOptions = Readonly<{
  /** By type. */
  types: Readonly<Record<string, WorkerHandler>>
  /** Unique among the live workers. Default: a random one. */
  name?: string
  /** Maximum number of tasks at once. Default 1. */
  concurrency?: number
  /** Seconds that running tasks have to finish or to reach a pause point once the worker ends. Default 25. */
  drain?: number
  /** Called when a call fails and is repeated, and when a lease is lost. */
  onTrouble?: (error: unknown, what: string) => void
}>

/** Seconds that a claim waits for a task. */
const claimWait = 50
/** Seconds that a task runs before its first beat: most need none. */
const firstBeat = 0.1
/** Seconds between beats that store something, and between beats of a task that was told to stop. */
const beatEvery = 0.5
/** Seconds for which a settlement is retried. */
const settleFor = 300

/**
 * Runs tasks of its own types for a server. Registers them, claims tasks, keeps their leases, and settles them; it continues
 * through restarts of the server.
 */
export class Worker {
  readonly name: string
  readonly #server: Fermata
  readonly #options: WorkerOptions
  readonly #runs = new Set<Run>()
  #lease = 30
  #isRegistered = false

  constructor(server: Fermata, options: WorkerOptions) {
    this.#server = server
    this.#options = options
    this.name = options.name ?? `worker-${randomName()}`
  }

  /** Tasks that it runs now. */
  get running(): number {
    return this.#runs.size
  }

  /** Runs until the signal is aborted, and then until its tasks have ended or were given back. */
  async run({ signal }: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const { concurrency = 1, drain = 25 } = this.#options
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#register(signal)
        for (;;) {
          while (this.#runs.size >= concurrency) await Promise.race([...this.#runs].map(({ over }) => over))
          signal.throwIfAborted()
          const options = { max: concurrency - this.#runs.size, wait: claimWait, signal, patience: 0 }
          const { tasks } = await this.#server.claimTasks(this.name, options)
          failures = 0
          for (const task of tasks) this.#start(task)
        }
      } catch (error) {
        if (signal.aborted) break
        if (!isTemporary(error)) throw error
        if (isFermataError(error, 'WORKER_UNKNOWN')) this.#isRegistered = false
        else this.#trouble(error, 'claim')
        const { retryAfter = 0 } = error as FermataError
        await sleep(retryAfter + backoff(failures++), signal).catch(() => undefined)
      }
    }
    for (const run of this.#runs) run.drain()
    const stop = setTimeout(() => {
      for (const run of this.#runs) run.abort(new Error('the worker ends'))
    }, drain * 1_000)
    await Promise.all([...this.#runs].map(({ over }) => over))
    clearTimeout(stop)
  }

  async #register(signal: AbortSignal): Promise<void> {
    if (this.#isRegistered) return
    const types = Object.entries(this.#options.types).map(([type, handler]) => {
      const { description, parameters, concurrency, max_attempts, timeout, pause } = handler
      return { type, description, parameters, concurrency, max_attempts, timeout, pause } as WorkerTypeDraft
    })
    const { lease } = await this.#server.registerWorker(this.name, types, { signal, patience: 0 })
    this.#lease = lease
    this.#isRegistered = true
  }

  #start(task: ClaimedTask): void {
    const handler = this.#options.types[task.task_type]!
    const trouble = (error: unknown, what: string) => this.#trouble(error, what)
    const run = new Run(this.#server, task, handler, { lease: this.#lease, trouble })
    this.#runs.add(run)
    void run.over.then(() => this.#runs.delete(run))
  }

  #trouble(error: unknown, what: string): void {
    this.#options.onTrouble?.(error, what)
  }
}

/** Thrown out of a handler at its pause point. */
class Unwound extends Error {
  override readonly name = 'Unwound'
}

type Means = Readonly<{ lease: number; trouble: (error: unknown, what: string) => void }>

/** One claimed task. */
class Run {
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
  #state: unknown
  readonly #pause = new AbortController()
  #mustPause = false
  #drains = false
  #isLost = false

  constructor(server: Fermata, task: ClaimedTask, handler: WorkerHandler, means: Means) {
    this.#server = server
    this.#task = task
    this.#means = means
    this.#state = task.checkpoint ?? undefined
    void this.#watch()
    this.over = this.#carryOut(handler)
  }

  /** It ends at its next pause point. */
  drain(): void {
    this.#drains = true
    this.#pause.abort()
  }

  abort(reason: Error): void {
    this.#drains = true
    this.#abort.abort(reason)
  }

  async #carryOut(handler: WorkerHandler): Promise<void> {
    const { lease_token: token, parameters } = this.#task
    // Most are settled by one call; the server answers a repeated one like the first.
    const options = { patience: settleFor, signal: undefined }
    const settle = await (async () => {
      try {
        const result = await handler.run(parameters as never, this.#seen() as never)
        return () => this.#server.completeTask(token, result, options)
      } catch (error) {
        if (error instanceof Unwound || (this.#drains && error === this.#abort.signal.reason))
          return () => this.#server.returnPausedTask(token, this.#state ?? null, options)
        return () => this.#server.failTask(token, failureOf(error), options)
      }
    })()
    if (!this.#isLost) await this.#flush()
    this.#ended.abort()
    await this.#flushing
    if (this.#isLost) return
    try {
      await settle()
    } catch (error) {
      this.#means.trouble(error, 'settle')
    }
  }

  #seen(): WorkerTask {
    const { task_id: id, task_type: type, attempt, fence } = this.#task
    const keep = (state: unknown) => {
      this.#state = state
      this.#pending = { ...this.#pending, checkpoint: state }
      this.#flushSoon()
    }
    return {
      id,
      type,
      attempt,
      fence,
      state: this.#state,
      signal: this.#abort.signal,
      pausing: this.#pause.signal,
      keep,
      progress: (current, total = null, message = null) => {
        this.#pending = { ...this.#pending, progress: { current, total, message } }
        this.#flushSoon()
      },
      log: (line) => {
        this.#pending = { ...this.#pending, logs: [...(this.#pending.logs ?? []), line].slice(-1_000) }
        this.#flushSoon()
      },
      checkpoint: async (state) => {
        this.#abort.signal.throwIfAborted()
        if (state !== undefined) keep(state)
        if (this.#mustPause || this.#drains) throw new Unwound('the task pauses here')
        // A handler that only stores checkpoints would let nothing else happen.
        await new Promise((resolve) => setTimeout(resolve, 0))
        this.#abort.signal.throwIfAborted()
      },
    }
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

  async #beat(beat: Beat, signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.#server.beat(this.#task.lease_token, beat, { signal, patience: 0 })
      this.#mustPause = answer.signal === 'pause' || answer.signal === 'drain'
      if (this.#mustPause) this.#pause.abort()
      if (answer.signal === 'cancel') this.#abort.abort(new Error('the task was cancelled or timed out'))
    } catch (error) {
      if (isFermataError(error, 'LEASE_LOST')) {
        this.#isLost = true
        this.#means.trouble(error, 'lease')
        this.#abort.abort(new Error('the lease of the task was lost'))
      }
      throw error
    }
  }
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

/** The server may accept the same call later. */
function isTemporary(error: unknown): boolean {
  if (!(error instanceof FermataError)) return false
  const { code, status = 0 } = error
  const again = ['SERVER_UNREACHABLE', 'WORKER_UNKNOWN', 'WORKER_NAME_TAKEN', 'RESPONSE_INVALID']
  return again.includes(code) || status === 408 || status === 429 || status >= 500
}

function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
