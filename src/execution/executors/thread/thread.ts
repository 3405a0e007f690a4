import { availableParallelism } from 'node:os'
import { toErrorRecord } from '../../../core/error-record.ts'
import type { Execution, Executor, RunCallbacks, Run } from '../executor.ts'
import { HostProcess, type HostEvents } from './host.ts'
import type { Lease } from '../lease.ts'
import { isShortage, Room } from '../shortage.ts'

/** Idle processes kept for runs that need one of their own: in a busy period, and after it. */
const mostSpare = 4
const fewestSpare = 1
/** Milliseconds after which spare ones end. */
const trimAfter = 10_000
const recycled = 'another thread of its process is stuck, so the process is replaced'

/**
 * Runs handlers in threads of a process separate from the node: a thread stuck in native code, where no thread can be
 * terminated, takes down its process and not the node (ADR 7). Types with `runs: 'process'`, and tasks whose process has
 * died before, have a process to themselves.
 */
export class ThreadExecutor implements Executor {
  readonly #warm: number
  readonly #lease: Lease | undefined
  readonly #room: Room
  readonly #hosts = new Set<HostProcess>()
  readonly #spare: HostProcess[] = []
  readonly #alone = new Set<HostProcess>()
  #shared: HostProcess | undefined

  /** `warm`: idle threads to keep ready. */
  constructor(warm: number = availableParallelism(), lease?: Lease, room = new Room()) {
    this.#warm = warm
    this.#lease = lease
    this.#room = room
  }

  hasRoom(): boolean {
    return this.#room.isThere
  }

  /** Starts the shared process before it is needed. */
  warmUp(): void {
    try {
      this.#shared ??= this.#newHost(this.#warm)
    } catch (error) {
      if (!isShortage(error)) throw error
      this.#room.failed()
    }
  }

  start(run: Run, callbacks: RunCallbacks): Execution {
    try {
      return this.#startIn(run, callbacks)
    } catch (error) {
      if (!isShortage(error)) throw error
      this.#room.failed()
      return notStarted(`its process could not be started (${toErrorRecord(error).message})`)
    }
  }

  #startIn(run: Run, callbacks: RunCallbacks): Execution {
    if (run.type.runs === 'process' || run.crashes > 0) {
      const own = this.#spare.pop() ?? this.#newHost(1)
      this.#alone.add(own)
      return own.start(run, callbacks, { alone: true })
    }
    this.#shared ??= this.#newHost(this.#warm)
    return this.#shared.start(run, callbacks, { alone: false })
  }

  /** Process ids of the hosts, for outside observers. */
  get processes(): number[] {
    return [...this.#hosts].flatMap(({ pid }) => pid ?? [])
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts].map((host) => host.close()))
  }

  #newHost(warm: number): HostProcess {
    const host = new HostProcess(warm, this.#lease, this.#events)
    this.#hosts.add(host)
    return host
  }

  #keep(host: HostProcess): void {
    this.#spare.push(host)
    setTimeout(() => {
      const place = this.#spare.indexOf(host)
      if (place < fewestSpare) return
      this.#spare.splice(place, 1)
      host.kill()
    }, trimAfter).unref()
  }

  readonly #events: HostEvents = {
    ended: (host) => {
      this.#room.started()
      if (this.#alone.delete(host)) {
        if (this.#spare.length < mostSpare) this.#keep(host)
        else host.kill()
      } else if (host !== this.#shared) this.#killIfDeserted(host)
    },
    shortage: () => this.#room.failed(),
    stuck: (host) => {
      if (this.#shared === host) this.#shared = undefined
      for (const { stuck, host: told } of host.runs) if (!stuck) told.displaced(recycled)
      this.#killIfDeserted(host)
    },
    exited: (host) => {
      this.#hosts.delete(host)
      this.#alone.delete(host)
      if (this.#shared === host) this.#shared = undefined
      const place = this.#spare.indexOf(host)
      if (place !== -1) this.#spare.splice(place, 1)
    },
  }

  /** Only stuck threads are left in a process that accepts no more runs. */
  #killIfDeserted(host: HostProcess): void {
    if ([...host.runs].every(({ stuck }) => stuck)) host.kill()
  }
}

/** A run for which there was no room. */
function notStarted(why: string): Execution {
  const done = Promise.resolve({ kind: 'given-back', why, cause: 'shortage', forced: false } as const)
  return { done, pause() {}, resume() {}, news() {}, abort() {}, kill() {} }
}
