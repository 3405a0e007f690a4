import type { SimulatedProcess } from './simulated-process.ts'
import type { WaitKey } from '../../src/core/wait.ts'
import type { JoinMode } from '../../src/core/join.ts'
import type { State } from './handlers.ts'
import type { Heard } from './task-waits.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What the checker is told about code as it runs. */
export type RunWitness = Readonly<{
  started(run: LiveRun): void
  /** The run continues as the run of a newer claim. */
  adopted(run: LiveRun, fence: number): void
  continues(run: LiveRun, state: State | undefined): void
  /** The store confirmed the checkpoint to the handler. */
  stored(run: LiveRun, seq: number): void
  /** The function of a step has its effect. */
  did(run: LiveRun, name: string): void
  /** The engine told the handler the result of a step. */
  knows(run: LiveRun, name: string, result: string): void
  /** The engine told the handler the answer to a wait. */
  hears(run: LiveRun, key: WaitKey, heard: Heard): void
  /** The engine let the handler continue that has waited for these children. */
  joined(run: LiveRun, mode: JoinMode, children: readonly string[]): void
  changed(run: LiveRun): void
}>

export type RunIdentity = Readonly<{
  id: string
  type: string
  attempt: number
  process: SimulatedProcess
  /** The node id under which it was claimed. */
  node: string
  canBeKilled: boolean
}>

/** Code of a task, from its start until it has really stopped: what is true, whatever the engine believes. */
export class LiveRun {
  readonly identity: RunIdentity
  fence: number
  /** At a pause point, until it is resumed or aborted. */
  isSuspended = false
  hasEnded = false
  /** It was suspended when it was told to stop: it needs no slot of its own to do so. */
  stopsFromPark = false
  isAborted = false
  /** The newest checkpoint that its code has reported. */
  reported: number | undefined
  #startedFrom = 0
  /** Milliseconds during which its task was paused. */
  #paused = 0
  #pausedSince: number | undefined
  readonly #begun: number
  #ended: number | undefined
  readonly #time: VirtualTime
  readonly #witness: RunWitness

  constructor(identity: RunIdentity, fence: number, time: VirtualTime, witness: RunWitness) {
    this.identity = identity
    this.fence = fence
    this.#time = time
    this.#begun = time.now
    this.#witness = witness
    witness.started(this)
  }

  /** Milliseconds during which it ran and its task was not paused. */
  get active(): number {
    const now = this.#ended ?? this.#time.now
    return now - this.#begun - this.#paused - (this.#pausedSince === undefined ? 0 : now - this.#pausedSince)
  }

  /** The store has recorded that its task is paused. */
  pause(): void {
    if (this.isSuspended) this.#pausedSince ??= this.#time.now
  }

  /** The code of the handler: lets time pass without the engine. Never resolves once the code was killed. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.identity.process.clock.after(ms, () => this.hasEnded || resolve())
    })
  }

  /** The checkpoint from which its code would continue if it were started again. */
  get newest(): number {
    return this.reported ?? this.#startedFrom
  }

  continuesFrom(state: State | undefined): void {
    this.#startedFrom = state?.seq ?? 0
    this.#witness.continues(this, state)
  }

  reports(seq: number): void {
    this.reported = seq
  }

  knowsStored(seq: number): void {
    this.#witness.stored(this, seq)
  }

  does(name: string): void {
    if (!this.hasEnded) this.#witness.did(this, name)
  }

  knows(name: string, result: string): void {
    if (!this.hasEnded) this.#witness.knows(this, name, result)
  }

  hears(key: WaitKey, heard: Heard): void {
    if (!this.hasEnded) this.#witness.hears(this, key, heard)
  }

  joined(mode: JoinMode, children: readonly string[]): void {
    if (!this.hasEnded) this.#witness.joined(this, mode, children)
  }

  suspend(): void {
    if (this.isSuspended || this.hasEnded) return
    this.isSuspended = true
    this.#witness.changed(this)
  }

  continue(fence?: number): void {
    if (fence !== undefined && fence !== this.fence) {
      this.fence = fence
      this.#witness.adopted(this, fence)
    }
    this.#wake()
  }

  abort(): void {
    if (this.isSuspended) this.stopsFromPark = true
    this.isAborted = true
    this.#wake()
  }

  end(): void {
    if (this.hasEnded) return
    this.#endPause()
    this.#ended = this.#time.now
    this.hasEnded = true
    this.#witness.changed(this)
  }

  #wake(): void {
    this.#endPause()
    if (!this.isSuspended) return
    this.isSuspended = false
    this.#witness.changed(this)
  }

  #endPause(): void {
    if (this.#pausedSince !== undefined) this.#paused += this.#time.now - this.#pausedSince
    this.#pausedSince = undefined
  }
}
