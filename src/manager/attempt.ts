import { TaskCancelled, TaskTimeout, TaskUnwound, type TaskError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { poisonLimit } from '../core/transition.ts'
import { isTerminal, type EndedBy, type Fence, type Task } from '../core/task.ts'
import type { AnyTaskType } from '../registry/type.ts'
import type { Ended, Execution, Host } from '../runtime/executor.ts'
import type { Claimed, Settled } from '../store/store.ts'
import type { Node } from './node.ts'
import { holdsSlot, type Phase } from './phase.ts'
import { record, recordCheckpoint, recordUnparked, recordVacated } from './recorder.ts'
import type { Savable } from './saver.ts'
import { Stopwatch } from './stopwatch.ts'
import { Unsaved } from './unsaved.ts'
import { failure, outcomeOf, timeoutRecord, type Budget, type StopReason } from './verdict.ts'

/** Milliseconds that killed code has to be gone; beyond, it is stuck and its process goes with it. */
const stuckAfter = 1_500

/** Told by an attempt to the set of attempts that it belongs to. */
export type Surroundings = Readonly<{
  /** At a pause point with a pause to answer; `park` may follow at once or when there is room. */
  wantsToPark(attempt: Attempt): void
  /** Slots or parking places may have become free. */
  changed(attempt: Attempt): void
  /** The code has stopped and what was to be written is on its way: the attempt is over. */
  over(attempt: Attempt): void
}>

/** Code of one task on this node, from its claim until it has really stopped. */
export class Attempt implements Savable {
  readonly id: string
  readonly type: AnyTaskType
  readonly unsaved = new Unsaved()
  /** Resolves when the code has stopped and its outcome is recorded, or nobody wants it any more. */
  readonly finished: Promise<void>
  readonly #node: Node
  readonly #around: Surroundings
  readonly #watch: Stopwatch
  #task: Task
  #fence: Fence
  #phase: Phase = 'running'
  #stint = 0
  #execution: Execution | undefined
  #ended: Ended | undefined
  #stopReason: StopReason | undefined
  #unwindWhy = ''
  #parkedUnwind = false
  #draining = false
  /** A newer run has the task: nothing that this one says counts. */
  #lost = false
  #suspended = false
  /** The store is being told to raise the fence of this very run. */
  #raisingFence = false
  #hasCheckpoint: boolean
  #endGrace: (() => void) | undefined
  #finish!: () => void

  constructor(claimed: Claimed, type: AnyTaskType, node: Node, around: Surroundings) {
    const { task } = claimed
    this.id = task.id
    this.type = type
    this.#node = node
    this.#around = around
    this.#task = task
    this.#fence = task.fence
    this.#hasCheckpoint = claimed.checkpoint !== null
    this.#watch = new Stopwatch(node.clock, task.activeMs - task.attemptBaseMs, task.timeout, () =>
      this.#timedOut(),
    )
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#start(claimed)
  }

  get fence(): Fence {
    return this.#fence
  }

  get stint(): number {
    return this.#stint
  }

  get phase(): Phase {
    return this.#phase
  }

  get holdsSlot(): boolean {
    return holdsSlot(this.#phase)
  }

  /** Losing this copy would not mean starting again from zero. */
  get hasCheckpoint(): boolean {
    return this.#hasCheckpoint
  }

  /** Its code is that of the newest run, as far as this node knows. */
  get isCurrent(): boolean {
    return !this.#lost && this.#phase !== 'fenced-off' && this.#phase !== 'ended'
  }

  /** Whether it is this copy that a row with this fence speaks of. */
  runs(fence: Fence): boolean {
    return fence === this.#fence || (this.#raisingFence && fence === this.#fence + 1)
  }

  /** The newest row of the task, as committed: follows its wish. Older versions are passed over. */
  follow(task: Task): void {
    if (task.version <= this.#task.version) return
    this.#task = task
    if (this.#raisingFence && task.ownerBoot === this.#node.boot && task.fence === this.#fence + 1) {
      this.#fence = task.fence
    }
    if (task.fence === this.#fence) {
      this.#obey()
      return
    }
    this.#lost = this.#phase !== 'fenced-off'
    this.unwind('a newer run of the task has taken over')
  }

  /** This node claimed the task again while this copy was suspended for the fence before: the handler goes on. */
  adopt({ task, previousFence }: Claimed): boolean {
    const suspended = this.#phase === 'parked' || this.#phase === 'parking'
    if (!suspended || previousFence !== this.#fence) return false
    if (this.#phase === 'parking') this.#watch.stop()
    this.#task = task
    this.#fence = task.fence
    this.#stint++
    this.#phase = 'running'
    this.#suspended = false
    this.#watch.start()
    if (!this.unsaved.isEmpty) this.#node.saver.add(this)
    this.#execution?.resume(task.fence)
    this.#concludeIfEnded()
    return true
  }

  /** Ends this copy although the task lives on; its row is told when the code has stopped. */
  unwind(why: string): void {
    if (this.#phase === 'fenced-off' || this.#phase === 'ended' || this.#stopReason !== undefined) return
    this.#unwindWhy = why
    this.#parkedUnwind = this.#phase === 'parked'
    this.#stop('unwind', new TaskUnwound(why))
  }

  /** The lease of the node is over, and the task is someone else's: there is no grace for code that can be ended by force. */
  disown(why: string): void {
    this.superseded()
    this.unwind(why)
    if (this.#execution?.kill !== undefined && this.#phase === 'stopping') void this.#endByForce()
  }

  /** The node drains: suspends at the next pause point, and ends there. */
  drain(why: string): void {
    this.#unwindWhy = why
    this.#draining = true
    if (this.#phase === 'parked' || this.#suspended) this.unwind(why)
    else if (this.#phase === 'running') this.#execution?.pause()
  }

  /** The time of the drain is up: the task goes on elsewhere, whatever this code still does. */
  async giveUp(): Promise<void> {
    if (this.#phase === 'ended' || this.#phase === 'fenced-off') return
    await this.#fenceOff({ kind: 'released', why: this.#unwindWhy })
  }

  /** Room to park was found: settles the pause. */
  async park(): Promise<void> {
    if (this.#phase !== 'running' || !this.#suspended) return
    const wishVersion = this.#task.version
    const fence = this.#fence
    this.#phase = 'parking'
    this.#watch.hold()
    const answer = await this.#settle({ kind: 'paused', wishVersion })
    // Adopted by a claim that was answered before this.
    if (this.#fence !== fence) return
    const settled = answer?.verdict === 'settled'
    if (settled) {
      this.#stint++
      this.#watch.stop()
    }
    if (this.#phase !== 'parking') {
      if (this.#phase === 'stopping') this.#watch.linger()
      return
    }
    this.#phase = settled ? 'parked' : 'running'
    if (!settled) this.#watch.goOn()
    if (settled) this.#around.changed(this)
    else if (answer?.verdict === 'superseded') this.superseded()
    else this.#obey(answer?.task ?? undefined)
    if (this.#draining) this.unwind(this.#unwindWhy)
    this.#concludeIfEnded()
  }

  superseded(stint: number = this.#stint): void {
    if (stint !== this.#stint) return
    if (this.#phase === 'ended' || this.#phase === 'parked' || this.#phase === 'parking') return
    this.#lost = true
    this.unwind('a newer run of the task has taken over')
  }

  #start({ parameters, checkpoint }: Claimed): void {
    this.#watch.start()
    const { id, attempt, crashes } = this.#task
    const run = { type: this.type, id, attempt, fence: this.#fence, parameters, checkpoint, crashes }
    this.#execution = this.#node.executor.start(run, this.#host())
    void this.#execution.done.then((ended) => {
      this.#ended = ended
      return this.#conclude(ended)
    })
  }

  #host(): Host {
    return {
      checkpoint: (state) => {
        this.#hasCheckpoint = true
        this.unsaved.keep(state)
        if (this.#phase !== 'parked') this.#node.saver.add(this)
      },
      durable: async (state) => {
        const stint = this.#stint
        const number = this.unsaved.next()
        const save = { id: this.id, fence: this.#fence, checkpoint: state }
        const held = await recordCheckpoint(this.#node, save, () => this.unsaved.isOutdated(number))
        if (held) {
          this.#hasCheckpoint = true
          this.unsaved.stored(number)
        } else this.superseded(stint)
        return held
      },
      progress: (report) => {
        const progress = { ...report, at: this.#node.store.now() }
        this.unsaved.progress = progress
        // A branch of a paused handler may still speak: it is heard when the task goes on.
        if (this.#phase === 'parked') return
        this.#node.saver.add(this)
        this.#node.bus.emit({ kind: 'progress', id: this.id, type: this.type.type, progress })
      },
      log: (message) => {
        const at = this.#node.store.now()
        this.unsaved.addLine({ at, attempt: this.#task.attempt, text: message })
        if (this.#phase !== 'parked') this.#node.saver.add(this)
        this.#node.bus.emit({ kind: 'log', id: this.id, type: this.type.type, at, message })
      },
      displaced: (why) => this.unwind(why),
      suspended: () => {
        this.#suspended = true
        if (this.#draining) this.unwind(this.#unwindWhy)
        else if (this.#phase === 'running' && this.#task.status === 'pausing') this.#around.wantsToPark(this)
      },
    }
  }

  /** Does what the newest row wishes; `seen` is a row that another write has just answered. */
  #obey(seen?: Task): void {
    if (seen !== undefined && seen.version > this.#task.version) this.#task = seen
    const { status } = this.#task
    if (isTerminal(status) || this.#phase === 'fenced-off') return
    if (status === 'cancelling') this.#stop('cancel', new TaskCancelled(this.id))
    else if (this.#phase !== 'running') return
    else if (status === 'pausing') this.#execution?.pause()
    else if (status === 'running') {
      this.#suspended = false
      this.#execution?.resume()
      if (this.#draining) this.#execution?.pause()
    }
  }

  #timedOut(): void {
    if (this.#phase === 'running') this.#stop('timeout', new TaskTimeout(this.#task.timeout ?? 0))
  }

  #stop(why: StopReason, reason: TaskError): void {
    // A cancel outranks whatever else made the code stop; the first reason is what the code sees.
    if (this.#stopReason === undefined || why === 'cancel') this.#stopReason = why
    if (this.#phase === 'ended' || this.#phase === 'killing') return
    if (why !== 'unwind' || this.#execution?.kill !== undefined) {
      this.#endGrace ??= this.#node.clock.after(this.#node.cancelGrace, () => void this.#graceOver())
    }
    if (this.#phase === 'stopping') return
    this.#phase = 'stopping'
    this.#watch.linger()
    this.#around.changed(this)
    this.#execution?.abort(reason)
    this.#concludeIfEnded()
  }

  async #graceOver(): Promise<void> {
    if (this.#phase !== 'stopping') return
    const forced = this.#execution?.kill !== undefined
    if (this.#stopReason === 'unwind' && !forced) return
    this.#node.logger.warn(
      { task: this.id, type: this.type.type },
      forced
        ? 'the handler ignores its signal: it is ended by force'
        : 'the handler ignores its signal: it is fenced off and keeps its slot until it returns',
    )
    if (!forced) {
      await this.#fenceOff(this.#forcedOutcome('abandoned'))
      return
    }
    await this.#endByForce()
  }

  async #endByForce(): Promise<void> {
    this.#phase = 'killing'
    this.#endGrace?.()
    // A parked or superseded run writes nothing that a fence could stop.
    if (!this.#lost && !this.#parkedUnwind) await this.#raiseFence()
    if (this.#phase !== 'killing') return
    this.#execution?.kill?.()
    this.#endGrace = this.#node.clock.after(stuckAfter, () => {
      if (this.#phase === 'killing' && !this.#lost) void this.#fenceOff(this.#forcedOutcome('killed'))
    })
    this.#concludeIfEnded()
  }

  async #raiseFence(): Promise<void> {
    this.#raisingFence = true
    const answer = await this.#settle({ kind: 'fenced' }, { ranMs: 0 })
    this.#raisingFence = false
    if (answer?.verdict === 'superseded') this.#lost = true
  }

  /** What is recorded of code that has not ended yet and is not waited for. */
  #forcedOutcome(endedBy: EndedBy): Outcome {
    if (this.#stopReason === 'cancel') return { kind: 'cancelled', endedBy }
    if (this.#stopReason === 'unwind') return { kind: 'released', why: this.#unwindWhy }
    return failure(timeoutRecord(this.#task), this.#budget, { endedBy })
  }

  async #fenceOff(outcome: Outcome): Promise<void> {
    this.#phase = 'fenced-off'
    this.#clearTimers()
    await this.#settle(outcome, { fencedOff: true })
    this.#execution?.kill?.()
  }

  #concludeIfEnded(): void {
    if (this.#ended !== undefined) void this.#conclude(this.#ended)
  }

  /** The code has stopped: records what became of it. */
  async #conclude(ended: Ended): Promise<void> {
    switch (this.#phase) {
      case 'ended':
      case 'parking': // `park` looks again when its settlement is answered
        return
      case 'fenced-off':
        this.#leave()
        await recordVacated(this.#node, { id: this.id, fence: this.#fence, why: 'it returned' })
        break
      case 'parked': {
        if (ended.kind === 'threw') return // kept until the copy is adopted, cancelled or unwound
        if (ended.kind !== 'returned') {
          this.#leave()
          const why = 'why' in ended ? ended.why : 'it was ended by force'
          await recordUnparked(this.#node, { id: this.id, fence: this.#fence, why })
          break
        }
        const answer = await this.#settle({ kind: 'completed', result: ended.result })
        if (answer?.verdict !== 'settled') return
        break
      }
      case 'running':
      case 'stopping':
      case 'killing': {
        if (this.#raisingFence) return // looked at again when the fence is up
        // The code has stopped, so its slot is free: the next claim may share the transaction of this settlement.
        const recorded = this.#lost ? undefined : this.#recordEnd(ended)
        this.#leave()
        await recorded
      }
    }
    this.#leave()
    this.#node.saver.forget(this)
    this.#around.over(this)
    this.#finish()
  }

  async #recordEnd(ended: Ended): Promise<void> {
    const copy = { id: this.id, fence: this.#fence, why: this.#unwindWhy }
    const unparkOnly = this.#parkedUnwind && this.#stopReason === 'unwind' && ended.kind !== 'returned'
    const answer = unparkOnly
      ? undefined
      : await this.#settle(outcomeOf(ended, this.#stopReason, this.#unwindWhy, this.#budget))
    // Its pause was recorded while it was on its way out: the row must not name this copy any more.
    if (this.#stopReason === 'unwind' && answer?.verdict !== 'settled') await recordUnparked(this.#node, copy)
  }

  /** Gives the slot back. */
  #leave(): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#clearTimers()
    this.#around.changed(this)
  }

  #settle(
    outcome: Outcome,
    { fencedOff = false, ranMs = this.#watch.stretch } = {},
  ): Promise<Settled | undefined> {
    this.#node.saver.forget(this)
    return record(this.#node, {
      id: this.id,
      fence: this.#fence,
      outcome,
      ranMs,
      ...this.unsaved.take(),
      ...(fencedOff ? { fencedOff } : {}),
    })
  }

  get #budget(): Budget {
    return { task: this.#task, random: this.#node.random, poisonLimit: this.type.poisonLimit ?? poisonLimit }
  }

  #clearTimers(): void {
    this.#watch.disarm()
    this.#endGrace?.()
  }
}
