import { randomUUID } from 'node:crypto'
import { openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { StoreUnavailable } from '../../core/errors.ts'
import { decodeLease, encodeLease, leaseRecordBytes } from '../../core/lease.ts'
import type { LeaseRenewer, LeaseNews } from '../sharing.ts'

const entry = new URL(`./lease-renewer-main${extname(import.meta.filename)}`, import.meta.url)

/**
 * The end of the lease, by `monotonicNow`: written by the renewer, read by the main thread. The other processes of the node
 * read from the file when their code must have stopped: a tenth of the lease earlier, so that it has stopped before others
 * take over.
 */
export class ValidUntil {
  readonly memory: SharedArrayBuffer
  readonly #time: BigInt64Array
  readonly #file: number
  readonly #lease: number

  constructor(
    { file, lease }: Pick<LeaseRenewerSettings, 'file' | 'lease'>,
    memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
  ) {
    this.memory = memory
    this.#time = new BigInt64Array(memory)
    this.#file = file
    this.#lease = lease
  }

  get time(): number {
    return Number(Atomics.load(this.#time, 0))
  }

  set time(time: number) {
    Atomics.store(this.#time, 0, BigInt(Math.floor(time)))
    const bytes = new Uint8Array(leaseRecordBytes)
    const isFirst = readSync(this.#file, bytes, 0, leaseRecordBytes, 0) < leaseRecordBytes
    const before = decodeLease(bytes)
    const record = { stopAt: time - this.#lease / 10, lapses: before.lapses }
    writeSync(this.#file, encodeLease(record), 0, leaseRecordBytes, 0)
    // Read after the write: whoever read the earlier time, and stopped, has done so by now.
    if (isFirst || monotonicNow() < before.stopAt) return
    writeSync(this.#file, encodeLease({ ...record, lapses: before.lapses + 1 }), 0, leaseRecordBytes, 0)
  }
}

/**
 * Opens an unlinked file for `ValidUntil`: processes that inherit its descriptor see what is written there immediately, even
 * if the writing process is frozen. In memory where possible: a full disk must not end a lease.
 */
export function openLeaseFile(): number {
  const failures: unknown[] = []
  for (const folder of ['/dev/shm', tmpdir()]) {
    try {
      const path = join(folder, `fermata-lease-${randomUUID()}`)
      const file = openSync(path, 'wx+', 0o600)
      unlinkSync(path)
      return file
    } catch (error) {
      failures.push(error)
    }
  }
  throw new StoreUnavailable(
    `A node shares its lease with its processes in a small file, but neither /dev/shm nor ${tmpdir()} is writable. Set TMPDIR to a writable folder.`,
    { unknown: false, cause: new AggregateError(failures) },
  )
}

export type LeaseRenewerSettings = Readonly<{
  servers: readonly string[]
  schema: string
  node: string
  /** Milliseconds. */
  lease: number
  /** Earliest possible start of the node, by `monotonicNow`. */
  since: number
  /**
   * Whether the process ends when the lease is in danger and the main thread does not respond: nothing else stops code
   * there. Only for a program that is just a node.
   */
  endsProcess: boolean
  /** From `openLeaseFile`. */
  file: number
}>

export type LeaseRenewerData = LeaseRenewerSettings & Readonly<{ memory: SharedArrayBuffer }>

export type LeaseRenewerMessage = Readonly<{ kind: keyof LeaseNews }>

/** Milliseconds of a monotonic clock that is the same in all threads of a process. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/** Starts the thread that renews the lease, on its own connection. */
export function keepLease(settings: LeaseRenewerSettings, news: LeaseNews): LeaseRenewer {
  const validUntil = new ValidUntil(settings)
  validUntil.time = settings.since + settings.lease
  const workerData: LeaseRenewerData = { ...settings, memory: validUntil.memory }
  const thread = new Worker(entry, { workerData })
  let stopped = false
  thread.unref()
  thread.on('message', ({ kind }: LeaseRenewerMessage) => {
    thread.postMessage('heard')
    if (!stopped) news[kind]()
  })
  // Without its renewer, a node must not continue: the lease ends before anyone notices.
  thread.on('error', () => {
    if (!stopped) news.over()
  })
  return {
    get isValid() {
      return monotonicNow() < validUntil.time
    },
    get age() {
      return Math.max(0, monotonicNow() - (validUntil.time - settings.lease))
    },
    [Symbol.asyncDispose]: async () => {
      stopped = true
      await thread.terminate()
    },
  }
}
