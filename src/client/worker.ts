import { FermataError, isFermataError } from './errors.ts'
import type { Fermata } from './fermata.ts'
import type { ClaimedTask, WorkerTypeDraft } from './types.ts'
import { backoff, sleep } from './waiting.ts'
import { Run, type WorkerHandler } from './worker-run.ts'

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
