import { readSync } from 'node:fs'
import { decodeLease, leaseRecordBytes, type LeaseRecord } from '../../core/lease.ts'

/** Why a task is released that was running when the lease of its node ended. */
export const leaseOver = 'the lease of its node has ended'

/** Milliseconds between two checks of a lease while code runs under it. */
const lookEvery = 500
/** Milliseconds between two checks of a lease that has ended. */
const lookAgainAfter = 50

/** The lease of the node as each of its processes sees it, even while the node is frozen. */
export class Lease {
  readonly file: number
  #closed = false
  #seen: LeaseRecord = { stopAt: 0, lapses: 0 }

  /** `file`: the descriptor of the file written by the lease renewer. */
  constructor(file: number) {
    this.file = file
  }

  /** From now on it has ended, and nothing reads the file, which may be closed. */
  close(): void {
    this.#closed = true
  }

  /** Nothing may start under it. */
  get isOver(): boolean {
    return this.#closed || (this.#hasPassed && monotonicNow() >= this.#read().stopAt)
  }

  /** How often it has ended so far. Code that saw another number when it started has outlived it. */
  get lapses(): number {
    if (this.#closed) return Number.POSITIVE_INFINITY
    // Whether it was renewed only matters once the known time has come.
    const { stopAt, lapses } = this.#hasPassed ? this.#read() : this.#seen
    return monotonicNow() >= stopAt ? lapses + 1 : lapses
  }

  /** Calls `look` when the lease ends, and occasionally. */
  watch(look: () => void): void {
    look()
    const left = this.#seen.stopAt - monotonicNow()
    setTimeout(() => this.watch(look), left <= 0 ? lookAgainAfter : Math.min(left, lookEvery))
  }

  get #hasPassed(): boolean {
    return monotonicNow() >= this.#seen.stopAt
  }

  #read(): LeaseRecord {
    const bytes = new Uint8Array(leaseRecordBytes)
    if (readSync(this.file, bytes, 0, leaseRecordBytes, 0) === leaseRecordBytes)
      this.#seen = decodeLease(bytes)
    return this.#seen
  }
}

/** Where a child process finds the lease file. */
const leaseDescriptor = 4

/** The standard streams of a child process that talks to its node and knows its lease, if there is one. */
export function stdioWith(lease: Lease | undefined): ('ignore' | 'ipc' | number)[] {
  return ['ignore', 2, 2, 'ipc', ...(lease === undefined ? [] : [lease.file])]
}

/** The argument that tells a child process what `stdioWith` gave it. */
export function leaseArgument(lease: Lease | undefined): string {
  return lease === undefined ? '' : String(leaseDescriptor)
}

/** The lease, in a child process that was started with this argument. */
export function inheritedLease(argument: string | undefined): Lease | undefined {
  return argument === undefined || argument === '' ? undefined : new Lease(Number(argument))
}

/** Milliseconds of a monotonic clock that is the same in all processes of a machine. */
function monotonicNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
