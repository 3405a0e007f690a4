import { extname } from 'node:path'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { toErrorRecord } from '../../../core/error-record.ts'
import type { Ended } from '../executor.ts'
import type { Lease } from '../lease.ts'
import type { FromHost, FromThread, Start, ThreadData, ToThread } from './protocol.ts'

/** Messages from a thread to the process that holds it. */
export type ThreadEvents = Readonly<{
  says(message: FromHost): void
  ended(run: number): void
  /** It can take another run; false if it is not wanted. */
  isFree(thread: HostedThread): boolean
  gone(thread: HostedThread): void
}>

/** Milliseconds within which a terminated thread is gone, unless it is stuck in native code. */
const terminatesIn = 1_000
/** Milliseconds between two memory checks of threads with a limit. */
const memoryEvery = 200
const entry = new URL(`./thread-main${extname(import.meta.filename)}`, import.meta.url)

/** A thread for handlers, one run at a time. */
export class HostedThread {
  readonly #worker: Worker
  readonly #bell = new Int32Array(new SharedArrayBuffer(4))
  readonly #memory: number | null
  readonly #lease: Lease | undefined
  /** Of the lease, when its run started. */
  lapses = 0
  readonly #events: ThreadEvents
  #run: number | undefined
  #watch: NodeJS.Timeout | undefined
  #killed = false
  #fault: Ended | undefined

  /** `memory`: bytes that its runs may use, including buffers; null for no limit. */
  constructor(memory: number | null, lease: Lease | undefined, events: ThreadEvents) {
    this.#memory = memory
    this.#lease = lease
    this.#events = events
    this.#worker = new Worker(entry, {
      workerData: { bell: this.#bell.buffer, lease: lease?.file } satisfies ThreadData,
      env: SHARE_ENV,
      ...(memory === null
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memory / 1_048_576) } }),
    })
    this.#worker.on('message', (message: FromThread) => this.#hear(message))
    this.#worker.on('error', (error) => {
      this.#fault = { kind: 'threw', error: toErrorRecord(plain(error)), final: false }
    })
    this.#worker.on('exit', (code) => this.#exited(code))
  }

  begin(start: Start): void {
    this.#run = start.run
    this.lapses = this.#lease?.lapses ?? 0
    if (this.#memory !== null) this.#watch = setInterval(() => void this.#weigh(), memoryEvery)
    this.tell(start)
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message)
    Atomics.add(this.#bell, 0, 1)
    Atomics.notify(this.#bell, 0)
  }

  kill(): void {
    this.#killed = true
    void this.#worker.terminate()
    setTimeout(() => {
      if (this.#run !== undefined) this.#events.says({ kind: 'stuck', run: this.#run })
    }, terminatesIn)
  }

  /** It has no run and gets no more. */
  end(): void {
    void this.#worker.terminate()
  }

  #hear(message: FromThread): void {
    if (message.run !== this.#run || this.#killed || this.#fault !== undefined) return
    if (message.kind !== 'ended') {
      this.#events.says(message)
      return
    }
    this.#finish(message.ended)
    const reusable = message.clean && this.#memory === null
    if (!reusable || !this.#events.isFree(this)) this.end()
  }

  #exited(code: number): void {
    this.#events.gone(this)
    if (this.#run === undefined) return
    const message = `The handler ended its thread with process.exit(${code}).`
    this.#finish(
      this.#killed
        ? { kind: 'killed', how: 'terminated' }
        : (this.#fault ?? {
            kind: 'threw',
            error: { code: 'EXITED', name: 'Exited', message },
            final: false,
          }),
    )
  }

  #finish(ended: Ended): void {
    clearInterval(this.#watch)
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    this.#events.ended(run)
    this.#events.says({ kind: 'ended', run, ended, clean: true })
  }

  /** Buffers are outside the heap, which is all that thread limits cover. */
  async #weigh(): Promise<void> {
    const limit = this.#memory
    const heap = await this.#worker.getHeapStatistics().catch(() => undefined)
    if (limit === null || heap === undefined || heap.used_heap_size + heap.external_memory <= limit) return
    this.#fault ??= {
      kind: 'threw',
      error: {
        code: 'OUT_OF_MEMORY',
        name: 'OutOfMemory',
        message: `The handler exceeded its memory limit of ${Math.round(limit / 1_048_576)} MB.`,
      },
      final: false,
    }
    void this.#worker.terminate()
  }
}

/** The platform's message for a full heap is meant for platform developers. */
function plain(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY')
    return error
  return Object.assign(new Error('The handler exceeded the memory limit of its thread.'), {
    code: 'OUT_OF_MEMORY',
  })
}
