import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LeaseKeeper, LeaseNews } from '../sharing.ts'

const entry = new URL(`./keeper-main${extname(import.meta.filename)}`, import.meta.url)

/** Until when the lease holds, by `monotonicNow`: told by the keeper, read by the main thread. */
export class ValidUntil {
  readonly memory: SharedArrayBuffer
  readonly #time: BigInt64Array

  constructor(memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#time = new BigInt64Array(memory)
  }

  get time(): number {
    return Number(Atomics.load(this.#time, 0))
  }

  set time(time: number) {
    Atomics.store(this.#time, 0, BigInt(Math.floor(time)))
  }
}

export type KeeperSettings = Readonly<{
  servers: readonly string[]
  schema: string
  boot: string
  /** Milliseconds. */
  lease: number
  /** When the boot began, at the earliest, by `monotonicNow`. */
  since: number
}>

export type KeeperData = KeeperSettings & Readonly<{ memory: SharedArrayBuffer }>

export type KeeperMessage = Readonly<{ kind: keyof LeaseNews }>

/** Milliseconds of a clock that never jumps and is the same in all threads of a process. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/** Starts the thread that renews the lease, on a connection of its own. */
export function keepLease(settings: KeeperSettings, news: LeaseNews): LeaseKeeper {
  const validUntil = new ValidUntil()
  validUntil.time = settings.since + settings.lease
  const workerData: KeeperData = { ...settings, memory: validUntil.memory }
  const thread = new Worker(entry, { workerData })
  let stopped = false
  thread.unref()
  thread.on('message', ({ kind }: KeeperMessage) => {
    thread.postMessage('heard')
    if (!stopped) news[kind]()
  })
  // Without its keeper a node must not go on: the lease is over before anyone notices.
  thread.on('error', () => {
    if (!stopped) news.over()
  })
  return {
    get isValid() {
      return monotonicNow() < validUntil.time
    },
    [Symbol.asyncDispose]: async () => {
      stopped = true
      await thread.terminate()
    },
  }
}
