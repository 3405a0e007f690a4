import type { Outcome, SettleVerdict } from './outcome.ts'
import {
  isAsleep,
  isTerminal,
  type NodeId,
  type EndedBy,
  type ErrorRecord,
  type Fence,
  type Json,
  type Task,
} from './task.ts'

/**
 * One attempt of a task on one node, from its claim until its code has stopped and its outcome is recorded. `step` is the
 * whole behavior: it takes a state and an event and returns the next state and the effects to carry out, in order. It
 * does nothing itself; `execution/attempt.ts` interprets the effects.
 */

/** How code stopped. */
export type Ended =
  | Readonly<{ kind: 'returned'; result: Json }>
  /** `final`: not retryable. */
  | Readonly<{ kind: 'threw'; error: ErrorRecord; final: boolean }>
  /** By `kill`. */
  | Readonly<{ kind: 'killed'; how: 'terminated' | 'killed' }>
  /**
   * For a reason of the node and not of the task: its lease ended, or the machine had no room for another process, thread or
   * file. `forced`: the code was running and was killed.
   */
  | Readonly<{ kind: 'given-back'; why: string; cause: 'lease' | 'shortage'; forced: boolean }>
  /** Its process died without reporting anything. */
  | Readonly<{ kind: 'died'; why: string }>

/** Why code must stop. `why` of an unwind is a text for people. */
export type Stop =
  | Readonly<{ kind: 'cancel' }>
  | Readonly<{ kind: 'timeout' }>
  | Readonly<{ kind: 'unwind'; why: string }>

/**
 * What is recorded once stopped code has ended: its `outcome`; only that the parked copy is gone (`unpark`), because the
 * task itself continues; or `nothing`, because a newer claim owns the task.
 */
export type Writes = 'outcome' | 'unpark' | 'nothing'

type Stopping = Readonly<{ stop: Stop; writes: Writes }>

/** What is stored of a handler that sleeps, or waits for something else. */
export type Sleep = Omit<Extract<Outcome, { kind: 'sleeping' }>, 'kind'>

export type Phase =
  /** The handler is running, possibly on its way to a pause point. */
  | Readonly<{ name: 'running' }>
  /**
   * The handler is at a pause point and keeps its slot: it waits for a parking place, or for its next order. `sleep`: it sleeps.
   */
  | Readonly<{ name: 'suspended'; sleep?: Sleep }>
  /**
   * Suspended; the settlement as paused or asleep is being written. `ended`: the code has stopped in the meantime. `awake`: it sleeps no
   * longer.
   */
  | Readonly<{ name: 'parking'; ended: Ended | null; awake?: true }>
  /**
   * Paused or asleep in the store, suspended in memory, without a slot. `ended`: what a branch of the handler left for the next
   * claim.
   */
  | Readonly<{ name: 'parked'; ended: Ended | null }>
  /** The abort signal is set and the code has not stopped. */
  | (Readonly<{ name: 'stopping' }> & Stopping)
  /**
   * The grace period has ended: the fence is raised before the code is killed. `ended`: the code has stopped in the
   * meantime.
   */
  | (Readonly<{ name: 'fencing'; ended: Ended | null }> & Stopping)
  /** The code is being killed. */
  | (Readonly<{ name: 'killing' }> & Stopping)
  /** The task has moved on without this code, which still runs and keeps its slot. */
  | Readonly<{ name: 'abandoned' }>
  /**
   * The code has stopped and its slot is free; its outcome is being written. `unparkIfRefused` is the reason to record then.
   */
  | Readonly<{ name: 'recording'; unparkIfRefused: string | null }>
  | Readonly<{ name: 'over' }>

export type PhaseName = Phase['name']

export type AttemptState = Readonly<{
  /** The newest version of the task's row that this node has seen. */
  row: Task
  fence: Fence
  /** Rises when the attempt is parked or adopted, and when its fence is raised: answers to writes of an earlier epoch say nothing about this one. */
  suspensionEpoch: number
  /** Why the node is draining; null if it is not. */
  drain: string | null
  phase: Phase
}>

/** What differs between nodes and executors. Constant during an attempt. */
export type AttemptContext = Readonly<{ node: NodeId; canKill: boolean }>

export type AttemptEvent =
  /** A row of the task was committed or read. */
  | Readonly<{ kind: 'row'; row: Task }>
  /** This node claimed the task again while this copy was suspended; see `canAdopt`. */
  | Readonly<{ kind: 'adopted'; row: Task }>
  /** The handler reached a pause point. */
  | Readonly<{ kind: 'suspended' }>
  /** The handler sleeps, and has nothing else to do. */
  | Readonly<{ kind: 'asleep'; sleep: Sleep }>
  /** It has something to do again: its sleep is over or, if that is `early`, another part of it continues. */
  | Readonly<{ kind: 'awake'; early: boolean }>
  /** There is a parking place. */
  | Readonly<{ kind: 'parking-granted' }>
  /** The settlement as paused or asleep, written under `fence`, returned; without a verdict it could not be written. */
  | Readonly<{ kind: 'pause-recorded'; fence: Fence; verdict: SettleVerdict | null; row: Task | null }>
  /** The code has stopped. */
  | Readonly<{ kind: 'ended'; ended: Ended }>
  | Readonly<{ kind: 'timed-out' }>
  | Readonly<{ kind: 'grace-over' }>
  /** Killed code did not stop in time. */
  | Readonly<{ kind: 'kill-overdue' }>
  | Readonly<{ kind: 'fence-raised'; verdict: SettleVerdict | null }>
  /** A write of this epoch found the fence outdated. */
  | Readonly<{ kind: 'superseded'; epoch: number }>
  /** This copy must end although the task lives on. */
  | Readonly<{ kind: 'unwind'; why: string }>
  /** The lease of the node has ended and the task belongs to another node: code that can be killed gets no grace period. */
  | Readonly<{ kind: 'disown'; why: string }>
  | Readonly<{ kind: 'drain'; why: string }>
  /** The drain has ended: the task continues elsewhere, whatever this code still does. */
  | Readonly<{ kind: 'give-up' }>
  /** The end of an abandoned task is recorded, and its fence raised. */
  | Readonly<{ kind: 'abandonment-recorded' }>
  /** The result of the write of phase `recording`, or of a parked handler that returned. */
  | Readonly<{ kind: 'recorded'; fence: Fence; verdict: SettleVerdict | null }>

export type Effect =
  | Readonly<{ kind: 'pause' | 'kill' }>
  /** With `fence`: as the run of a new claim. */
  | Readonly<{ kind: 'resume'; fence?: Fence }>
  | Readonly<{ kind: 'abort'; stop: Stop }>
  /**
   * Active time: `start` counting, `hold` it, `continue` after a hold, `stop` it, `linger` without a timeout, `disarm` the
   * timeout.
   */
  | Readonly<{ kind: 'clock'; turn: 'start' | 'hold' | 'continue' | 'stop' | 'linger' | 'disarm' }>
  /**
   * Starts the timer that ends in `grace-over` unless it is running, or the one that ends in `kill-overdue`; `none` stops
   * both.
   */
  | Readonly<{ kind: 'timer'; timer: 'grace' | 'kill' | 'none' }>
  | Readonly<{ kind: 'request-parking' }>
  /** Checkpoints and progress are flushed again: the copy may write. */
  | Readonly<{ kind: 'flush' }>
  | Readonly<{ kind: 'record-pause'; controlVersion: number }>
  | Readonly<{ kind: 'record-sleep'; sleep: Sleep }>
  /** The row of a parked copy must be queued before its time. */
  | Readonly<{ kind: 'record-awake' }>
  | Readonly<{ kind: 'raise-fence' }>
  /** Records the outcome of stopped code; `stop` is why it was stopped. */
  | Readonly<{ kind: 'record-end'; ended: Ended; stop: Stop | null }>
  /** Records the end of a task whose code is still running, and raises its fence. */
  | Readonly<{ kind: 'record-abandoned'; stop: Stop; endedBy: EndedBy }>
  | Readonly<{ kind: 'record-unparked'; why: string }>
  /** Abandoned code has stopped: its place under the limit of its type is free. */
  | Readonly<{ kind: 'record-slot-released' }>
  | Readonly<{ kind: 'warn'; about: 'killed' | 'abandoned' }>
  /** Nothing of the attempt is left. */
  | Readonly<{ kind: 'over' }>

export type Step = Readonly<{ state: AttemptState; effects: readonly Effect[] }>

const newerRun = 'a newer run of the task has taken over'

export function started(row: Task, drain: string | null = null): AttemptState {
  return { row, fence: row.fence, suspensionEpoch: 0, drain, phase: { name: 'running' } }
}

/** The code may still run or continue. */
export function isAlive({ phase }: AttemptState): boolean {
  return phase.name !== 'recording' && phase.name !== 'over'
}

export function holdsSlot(state: AttemptState): boolean {
  return isAlive(state) && state.phase.name !== 'parked'
}

/** It runs for the newest claim of the task, as far as this node knows. */
export function isCurrent(state: AttemptState): boolean {
  const { phase } = state
  if (!isAlive(state) || phase.name === 'abandoned') return false
  return !('writes' in phase) || phase.writes !== 'nothing'
}

/** Whether a row with this fence is about this copy. */
export function runs({ fence, phase }: AttemptState, ofRow: Fence): boolean {
  return ofRow === fence || (phase.name === 'fencing' && ofRow === fence + 1)
}

/** Whether a claim that followed `previousFence` continues this copy. */
export function canAdopt({ phase, fence }: AttemptState, previousFence: Fence): boolean {
  return (phase.name === 'parked' || phase.name === 'parking') && previousFence === fence
}

export function step(state: AttemptState, event: AttemptEvent, context: AttemptContext): Step {
  const turn = new Turn(state, context)
  turn.take(event)
  return { state: turn.state, effects: turn.effects }
}

/** The computation of one step. Exists only inside `step`. */
class Turn {
  state: AttemptState
  readonly effects: Effect[] = []
  readonly #context: AttemptContext

  constructor(state: AttemptState, context: AttemptContext) {
    this.state = state
    this.#context = context
  }

  take(event: AttemptEvent): void {
    switch (event.kind) {
      case 'row':
        return this.#row(event.row)
      case 'adopted':
        return this.#adopted(event.row)
      case 'suspended':
        return this.#suspended()
      case 'asleep':
        return this.#asleep(event.sleep)
      case 'awake':
        return this.#awake(event.early)
      case 'parking-granted':
        return this.#park()
      case 'pause-recorded':
        return this.#pauseRecorded(event)
      case 'ended':
        return this.#ended(event.ended)
      case 'timed-out':
        if (this.#works) this.#stop({ kind: 'timeout' })
        return
      case 'grace-over':
        return this.#graceOver()
      case 'kill-overdue':
        return this.#killOverdue()
      case 'fence-raised':
        return this.#fenceRaised(event.verdict)
      case 'superseded':
        if (event.epoch === this.state.suspensionEpoch) this.#superseded()
        return
      case 'unwind':
        return this.#unwind(event.why)
      case 'disown':
        return this.#disown(event.why)
      case 'drain':
        return this.#drain(event.why)
      case 'give-up':
        if (isAlive(this.state) && this.#phase.name !== 'abandoned') {
          this.#abandon({ kind: 'unwind', why: this.state.drain ?? newerRun }, 'abandoned')
        }
        return
      case 'abandonment-recorded':
        if (this.#phase.name === 'abandoned' && this.#context.canKill) this.#do({ kind: 'kill' })
        return
      case 'recorded':
        return this.#recorded(event)
    }
  }

  get #phase(): Phase {
    return this.state.phase
  }

  /** The handler has its slot, and nothing has told it to stop. */
  get #works(): boolean {
    return this.#phase.name === 'running' || this.#phase.name === 'suspended'
  }

  #enter(phase: Phase): void {
    this.state = { ...this.state, phase }
  }

  #do(...effects: readonly Effect[]): void {
    this.effects.push(...effects)
  }

  #row(row: Task): void {
    if (row.version <= this.state.row.version) return
    this.state = { ...this.state, row }
    const { fence } = this.state
    if (this.#phase.name === 'fencing' && row.ownerNode === this.#context.node && row.fence === fence + 1) {
      this.state = { ...this.state, fence: row.fence }
    }
    if (row.fence === this.state.fence) this.#obey()
    else if (this.#phase.name !== 'abandoned') this.#outdated()
  }

  /** Acts on the newest row. */
  #obey(): void {
    const { row, drain } = this.state
    if (isTerminal(row.status) || !isAlive(this.state) || this.#phase.name === 'abandoned') return
    if (row.status === 'cancelling') return this.#stop({ kind: 'cancel' })
    if (!this.#works) return
    if (row.status === 'pausing') this.#do({ kind: 'pause' })
    else if (row.status === 'running') {
      this.#enter({ name: 'running' })
      this.#do({ kind: 'resume' })
      if (drain !== null) this.#do({ kind: 'pause' })
    }
  }

  #adopted(row: Task): void {
    const { phase } = this.state
    if (phase.name !== 'parked' && phase.name !== 'parking') return
    if (phase.name === 'parking') this.#do({ kind: 'clock', turn: 'stop' })
    this.state = {
      ...this.state,
      row,
      fence: row.fence,
      suspensionEpoch: this.state.suspensionEpoch + 1,
      phase: { name: 'running' },
    }
    this.#do({ kind: 'clock', turn: 'start' }, { kind: 'flush' }, { kind: 'resume', fence: row.fence })
    if (phase.ended !== null) this.#ended(phase.ended)
  }

  #suspended(): void {
    if (!this.#works) return
    const { phase, drain, row } = this.state
    if (phase.name === 'suspended' && phase.sleep !== undefined) return
    this.#enter({ name: 'suspended' })
    if (drain !== null) this.#unwind(drain)
    else if (row.status === 'pausing') this.#do({ kind: 'request-parking' })
  }

  /** It is parked even if the node drains: what is left of the sleep is stored then. */
  #asleep(sleep: Sleep): void {
    if (!this.#works) return
    this.#enter({ name: 'suspended', sleep })
    this.#do({ kind: 'request-parking' })
  }

  /** When the sleep of a parked copy ends, whichever node notices first queues its row. */
  #awake(early: boolean): void {
    const { phase } = this.state
    if (phase.name === 'suspended' && phase.sleep !== undefined) {
      this.#enter({ name: 'running' })
      this.#do({ kind: 'resume' })
    } else if (phase.name === 'parking' && early) this.#enter({ ...phase, awake: true })
    else if (phase.name === 'parked' && early) this.#wake()
  }

  #wake(): void {
    if (isAsleep(this.state.row)) this.#do({ kind: 'record-awake' })
  }

  #park(): void {
    const { phase, row } = this.state
    if (phase.name !== 'suspended') return
    this.#enter({ name: 'parking', ended: null })
    const { sleep } = phase
    this.#do(
      { kind: 'clock', turn: 'hold' },
      sleep === undefined
        ? { kind: 'record-pause', controlVersion: row.version }
        : { kind: 'record-sleep', sleep },
    )
  }

  #pauseRecorded({ fence, verdict, row }: Extract<AttemptEvent, { kind: 'pause-recorded' }>): void {
    // Adopted by a claim whose response arrived earlier.
    if (fence !== this.state.fence) return
    const paused = verdict === 'settled'
    if (paused) {
      this.state = { ...this.state, suspensionEpoch: this.state.suspensionEpoch + 1 }
      this.#do({ kind: 'clock', turn: 'stop' })
    }
    const { phase } = this.state
    if (phase.name !== 'parking') {
      if (phase.name === 'stopping') this.#do({ kind: 'clock', turn: 'linger' })
      return
    }
    if (paused) {
      this.#enter({ name: 'parked', ended: null })
      if (phase.awake === true) this.#wake()
    } else {
      this.#enter({ name: 'suspended' })
      this.#do({ kind: 'clock', turn: 'continue' })
      if (verdict === 'superseded') this.#superseded()
      else {
        if (row !== null && row.version > this.state.row.version) this.state = { ...this.state, row }
        this.#obey()
      }
    }
    const { drain } = this.state
    if (drain !== null) this.#unwind(drain)
    if (phase.ended !== null) this.#ended(phase.ended)
  }

  /** While the own fence is being raised, that may be what outdated the write: the answer to it decides. */
  #superseded(): void {
    const { name } = this.#phase
    if (name === 'parked' || name === 'parking' || name === 'fencing') return
    this.#outdated()
  }

  /** A newer claim owns the task: this copy must stop, and writes nothing. */
  #outdated(why: string = newerRun): void {
    this.#unwind(why)
    const { phase } = this.state
    if (phase.name === 'stopping' || phase.name === 'fencing' || phase.name === 'killing') {
      this.#enter({ ...phase, writes: 'nothing' })
    }
  }

  #disown(why: string): void {
    this.#outdated(why)
    const { phase } = this.state
    if (phase.name === 'stopping' && this.#context.canKill) this.#kill(phase)
  }

  #unwind(why: string): void {
    if (this.#works || this.#phase.name === 'parked' || this.#phase.name === 'parking') {
      this.#stop({ kind: 'unwind', why })
    }
  }

  #drain(why: string): void {
    this.state = { ...this.state, drain: why }
    if (this.#phase.name === 'running') this.#do({ kind: 'pause' })
    else if (this.#phase.name === 'suspended' || this.#phase.name === 'parked') this.#unwind(why)
  }

  /** A cancel outranks every other reason to stop; the first reason is what the code sees. */
  #stop(stop: Stop): void {
    const { phase } = this.state
    if (phase.name === 'stopping' || phase.name === 'fencing' || phase.name === 'killing') {
      if (stop.kind !== 'cancel') return
      this.#enter({ ...phase, stop })
      if (phase.name === 'stopping') this.#do({ kind: 'timer', timer: 'grace' })
      return
    }
    if (!isAlive(this.state) || phase.name === 'abandoned') return
    const writes = phase.name === 'parked' && stop.kind === 'unwind' ? 'unpark' : 'outcome'
    // An unwound handler that cannot be killed may take its time: nothing waits for it.
    if (stop.kind !== 'unwind' || this.#context.canKill) this.#do({ kind: 'timer', timer: 'grace' })
    this.#enter({ name: 'stopping', stop, writes })
    this.#do({ kind: 'clock', turn: 'linger' }, { kind: 'abort', stop })
    if ((phase.name === 'parked' || phase.name === 'parking') && phase.ended !== null)
      this.#ended(phase.ended)
  }

  #graceOver(): void {
    const { phase } = this.state
    if (phase.name !== 'stopping') return
    const { stop, writes } = phase
    if (!this.#context.canKill) {
      if (stop.kind === 'unwind') return
      this.#do({ kind: 'warn', about: 'abandoned' })
      return this.#abandon(stop, 'abandoned')
    }
    this.#do({ kind: 'warn', about: 'killed' })
    // A parked or outdated copy writes nothing, so no fence is needed.
    if (writes === 'outcome') {
      this.#enter({ name: 'fencing', stop, writes, ended: null })
      this.#do({ kind: 'raise-fence' })
    } else this.#kill({ stop, writes })
  }

  #fenceRaised(verdict: SettleVerdict | null): void {
    const { phase } = this.state
    if (phase.name !== 'fencing') return
    const writes = verdict === 'superseded' ? 'nothing' : phase.writes
    // Writes with the fence before it that are answered later say nothing about this copy.
    this.state = { ...this.state, suspensionEpoch: this.state.suspensionEpoch + 1 }
    this.#kill({ stop: phase.stop, writes })
    if (phase.ended !== null) this.#ended(phase.ended)
  }

  #kill({ stop, writes }: Stopping): void {
    this.#enter({ name: 'killing', stop, writes })
    this.#do({ kind: 'kill' }, { kind: 'timer', timer: 'kill' })
  }

  #killOverdue(): void {
    const { phase } = this.state
    if (phase.name === 'killing' && phase.writes !== 'nothing') this.#abandon(phase.stop, 'killed')
  }

  #abandon(stop: Stop, endedBy: EndedBy): void {
    this.#enter({ name: 'abandoned' })
    this.#do(
      { kind: 'timer', timer: 'none' },
      { kind: 'clock', turn: 'disarm' },
      { kind: 'record-abandoned', stop, endedBy },
    )
  }

  #ended(ended: Ended): void {
    const { phase } = this.state
    switch (phase.name) {
      case 'running':
      case 'suspended':
        return this.#record({ kind: 'record-end', ended, stop: null })
      case 'parking':
        return this.#enter({ ...phase, ended })
      case 'fencing':
        this.#enter({ ...phase, ended })
        // Its write may take long, and the code is no longer active.
        return this.#do({ kind: 'clock', turn: 'hold' })
      case 'parked':
        return this.#endedWhileParked(ended)
      case 'stopping':
      case 'killing':
        return this.#endedWhileStopping(ended, phase)
      case 'abandoned':
        return this.#record({ kind: 'record-slot-released' })
      case 'recording':
      case 'over':
        return
    }
  }

  #endedWhileParked(ended: Ended): void {
    if (ended.kind === 'returned') {
      this.#enter({ name: 'parked', ended })
      this.#do({ kind: 'record-end', ended, stop: null })
    } else if (ended.kind === 'threw') {
      // Kept until the copy is adopted, cancelled or unwound.
      this.#enter({ name: 'parked', ended })
      this.#wake()
    } else {
      this.#record({ kind: 'record-unparked', why: 'why' in ended ? ended.why : 'it was killed' })
    }
  }

  #endedWhileStopping(ended: Ended, { stop, writes }: Stopping): void {
    if (writes === 'nothing') {
      this.#do({ kind: 'timer', timer: 'none' }, { kind: 'clock', turn: 'disarm' })
      return this.#over()
    }
    const unwound = stop.kind === 'unwind' ? stop.why : null
    if (writes === 'unpark' && unwound !== null && ended.kind !== 'returned') {
      return this.#record({ kind: 'record-unparked', why: unwound })
    }
    this.#record({ kind: 'record-end', ended, stop }, unwound)
  }

  /** The write is sent before the slot is free, so that a claim which needs the slot can share its commit. */
  #record(effect: Effect, unparkIfRefused: string | null = null): void {
    this.#enter({ name: 'recording', unparkIfRefused })
    this.#do({ kind: 'timer', timer: 'none' }, { kind: 'clock', turn: 'disarm' }, effect)
  }

  #recorded({ fence, verdict }: Extract<AttemptEvent, { kind: 'recorded' }>): void {
    const { phase } = this.state
    if (phase.name === 'recording') {
      // Its pause was recorded while it was stopping: the row must no longer name this copy.
      if (phase.unparkIfRefused !== null && verdict !== 'settled') {
        this.#record({ kind: 'record-unparked', why: phase.unparkIfRefused })
      } else this.#over()
    } else if (phase.name === 'parked' && fence === this.state.fence && verdict === 'settled') {
      this.#do({ kind: 'timer', timer: 'none' }, { kind: 'clock', turn: 'disarm' })
      this.#over()
    }
  }

  #over(): void {
    this.#enter({ name: 'over' })
    this.#do({ kind: 'over' })
  }
}
