import {
  canAdopt,
  holdsSlot,
  isAlive,
  isCurrent,
  runs,
  started,
  step,
  type AttemptContext,
  type AttemptEvent,
  type AttemptState,
  type Effect,
  type PhaseName,
  type Stop,
} from '../core/attempt-machine.ts'
import { TaskCancelled, TaskTimeout, TaskUnwound, type TaskError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { secretsOf, type Secrets } from '../core/redaction.ts'
import { sleepsLeft, sleepsOf } from '../core/sleep.ts'
import { stepTitle, type StepRecord, type StepReport } from '../core/step.ts'
import type { Fence, Json } from '../core/task.ts'
import { traceField } from '../core/trace-context.ts'
import type { AttemptSpan } from '../core/tracing.ts'
import { poisonLimit, type Move } from '../core/transition.ts'
import type { AnyTaskType } from '../registry/type.ts'
import type { Claimed } from '../store/store.ts'
import type { Savable } from './checkpoint-flusher.ts'
import type { Ended, Execution, RunCallbacks } from './executors/executor.ts'
import type { AttemptServices } from './services.ts'
import { outcomeOf, stoppedOutcome, type Budget } from '../core/outcome-policy.ts'
import { PendingWrites } from './pending-writes.ts'
import {
  reachWait,
  record,
  recordCheckpoint,
  recordChildren,
  recordSlotReleased,
  recordSteps,
  recordUnparked,
  storedSteps,
  type Recorded,
} from './settlement-writer.ts'
import { Stopwatch } from './stopwatch.ts'
import { lookAtChildren, outcomesOf } from './stored-children.ts'
import { StoredSteps, stepsAtOnce } from './stored-steps.ts'
import { StoredWaits } from './stored-waits.ts'

/** Milliseconds that killed code has to stop; after that it is stuck, and its process is killed with it. */
const killTimeout = 1_500

/** Outcomes after which the copy lives on. */
const continuing: ReadonlySet<Outcome['kind']> = new Set(['paused', 'sleeping', 'fenced'])

/** How an attempt reaches the other attempts of its node. */
export type AttemptCallbacks = Readonly<{
  /** At a pause point with a pause requested: `park` follows once there is a parking place. */
  requestsParking(attempt: Attempt): void
  /** It entered another phase: slots or parking places may be free now. */
  changed(attempt: Attempt): void
  /** Its code has stopped and everything it left is recorded. */
  over(attempt: Attempt): void
}>

/**
 * Carries out what the attempt state machine decides: passes on the events of one task's code, timers and writes, and
 * performs its effects. It decides nothing itself.
 */
export class Attempt implements Savable {
  readonly id: string
  readonly type: AnyTaskType
  readonly pendingWrites: PendingWrites
  readonly #steps: StoredSteps
  readonly #waits: StoredWaits
  /** `news` of the task as its code was told. */
  #news: number
  #hasSteps = false
  #hasSlept = false
  /** Resolves when the code has stopped and its outcome is recorded, or no longer wanted. */
  readonly finished: Promise<void>
  readonly #services: AttemptServices
  readonly #callbacks: AttemptCallbacks
  readonly #watch: Stopwatch
  /** What must not appear in anything that the run reports. */
  readonly #secrets: Secrets | undefined
  /** Undefined only while it starts. */
  #execution: Execution | undefined
  /** Events that arrived while effects were performed: each is processed after the previous one. */
  readonly #events: AttemptEvent[] = []
  #state: AttemptState
  #busy = true
  #abandonment: Promise<void> = Promise.resolve()
  #stopTimer: (() => void) | undefined
  #finish!: () => void
  readonly #span: AttemptSpan | undefined

  constructor(claimed: Claimed, type: AnyTaskType, services: AttemptServices, callbacks: AttemptCallbacks) {
    const { task, parameters, checkpoint } = claimed
    this.id = task.id
    this.type = type
    this.pendingWrites = new PendingWrites(checkpoint !== null)
    this.#services = services
    // The first run of a task has the first fence.
    this.#steps = new StoredSteps(task.fence > 1, (after) =>
      storedSteps(services, task.id, { after, ...stepsAtOnce }),
    )
    this.#waits = new StoredWaits(
      (request) => reachWait(services, request),
      (line) => this.#log(line),
    )
    this.#callbacks = callbacks
    this.#state = started(task)
    this.#news = task.news
    const { timeout, activeMs, attemptBaseMs } = task
    const until = timeout === null ? null : attemptBaseMs + timeout
    this.#watch = new Stopwatch(services.clock, activeMs, until, () => this.send({ kind: 'timed-out' }))
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#watch.start()
    const { id, attempt, fence, crashes } = task
    this.#secrets = secretsOf(type.sensitive, { parameters, checkpoint })
    const span = services.tracing?.attempt(task)
    this.#span = span
    const trace = span?.context ?? task.trace
    const sleeps = sleepsLeft(task, services.store.now())
    const secrets = this.#secrets
    const run = { type, id, attempt, fence, parameters, checkpoint, crashes, sleeps, trace, secrets }
    const start = () => services.executor.start(run, this.#runCallbacks())
    this.#execution = span === undefined ? start() : span.within(start)
    void this.#execution.done.then((ended) =>
      this.send({ kind: 'ended', ended: this.#withoutSecrets(ended) }),
    )
    this.#busy = false
    this.#takeEvents()
  }

  get fence(): Fence {
    return this.#state.fence
  }

  get suspensionEpoch(): number {
    return this.#state.suspensionEpoch
  }

  get phase(): PhaseName {
    return this.#state.phase.name
  }

  get holdsSlot(): boolean {
    return holdsSlot(this.#state)
  }

  /** The code may still run or continue. */
  get isAlive(): boolean {
    return isAlive(this.#state)
  }

  /** Whether losing this copy would not mean starting from zero. */
  get hasCheckpoint(): boolean {
    return this.pendingWrites.hasCheckpoint || this.#hasSteps || this.#hasSlept
  }

  /** Its code waits for children, and has not been parked yet. */
  get awaitsChildren(): boolean {
    const { phase } = this.#state
    return phase.name === 'suspended' && phase.sleep?.awaits?.children !== undefined
  }

  get isCurrent(): boolean {
    return isCurrent(this.#state)
  }

  runs(fence: Fence): boolean {
    return runs(this.#state, fence)
  }

  /** Continues this suspended copy as the run of a new claim; false if it cannot. */
  adopt({ task, entry, previousFence }: Claimed): boolean {
    if (!canAdopt(this.#state, previousFence)) return false
    this.#span?.moved(entry)
    this.send({ kind: 'adopted', row: task })
    return true
  }

  /** A transition of the task; one of another run is not an event of this one. */
  moved({ task, entry }: Move): void {
    if (task.fence === this.fence && entry.event !== 'claimed') this.#span?.moved(entry)
  }

  superseded(epoch: number = this.suspensionEpoch): void {
    this.send({ kind: 'superseded', epoch })
  }

  /** The time of the drain is over. Resolves once the task is released. */
  async giveUp(): Promise<void> {
    this.send({ kind: 'give-up' })
    await this.#abandonment
  }

  send(event: AttemptEvent): void {
    this.#events.push(event)
    this.#takeEvents()
  }

  /** Effects may cause events within the same call: these wait for their turn. */
  #takeEvents(): void {
    if (this.#busy) return
    this.#busy = true
    try {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        const before = this.#state.phase.name
        const { state, effects } = step(this.#state, event, this.#context)
        this.#state = state
        for (const effect of effects) this.#perform(effect)
        this.#tellNews()
        if (state.phase.name !== before) this.#callbacks.changed(this)
      }
    } finally {
      this.#busy = false
    }
  }

  /** Its code looks again for what it waits for. */
  #tellNews(): void {
    const { news } = this.#state.row
    if (news === this.#news) return
    this.#news = news
    this.#execution?.news()
  }

  get #context(): AttemptContext {
    return { node: this.#services.tenant.node, canKill: this.#execution?.kill !== undefined }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'pause':
        return this.#execution?.pause()
      case 'resume':
        return this.#execution?.resume(effect.fence)
      case 'abort':
        return this.#execution?.abort(this.#reasonOf(effect.stop))
      case 'kill':
        return this.#execution?.kill?.()
      case 'clock':
        return this.#watch[effect.turn]()
      case 'timer':
        return this.#setTimer(effect.timer)
      case 'request-parking':
        return this.#callbacks.requestsParking(this)
      case 'flush':
        if (!this.pendingWrites.isEmpty) this.#services.flusher.add(this)
        return
      case 'record-pause':
        return void this.#recordPause({ kind: 'paused', controlVersion: effect.controlVersion })
      case 'record-sleep':
        return void this.#recordPause({ kind: 'sleeping', ...effect.sleep })
      case 'record-awake':
        return void record(this.#services, {
          ...this.#copy,
          outcome: { kind: 'awake' },
          activeMs: this.#watch.total,
        })
      case 'raise-fence':
        return void this.#settle({ kind: 'fenced' }).then((answer) =>
          this.send({ kind: 'fence-raised', verdict: answer?.verdict ?? null }),
        )
      case 'record-end':
        return void this.#recordEnd(effect)
      case 'record-abandoned':
        this.#abandonment = this.#recordAbandoned(effect)
        return
      case 'record-unparked':
        return void this.#recorded(recordUnparked(this.#services, { ...this.#copy, why: effect.why }))
      case 'record-slot-released':
        return void this.#recorded(this.#recordSlotReleased())
      case 'warn':
        return this.#warn(effect.about)
      case 'over':
        this.#services.flusher.forget(this)
        this.#callbacks.over(this)
        this.#span?.over()
        return this.#finish()
    }
  }

  #setTimer(timer: 'grace' | 'kill' | 'none'): void {
    if (timer === 'grace' && this.#stopTimer !== undefined) return
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const { clock, cancelGrace } = this.#services
    if (timer === 'grace') {
      this.#stopTimer = clock.after(cancelGrace, () => this.send({ kind: 'grace-over' }))
    } else if (timer === 'kill') {
      this.#stopTimer = clock.after(killTimeout, () => this.send({ kind: 'kill-overdue' }))
    }
  }

  async #recordPause(outcome: Extract<Outcome, { kind: 'paused' | 'sleeping' }>): Promise<void> {
    const { fence } = this
    const answer = await this.#settle(outcome)
    if (answer?.verdict === 'stale' && !this.pendingWrites.isEmpty) this.#services.flusher.add(this)
    this.send({
      kind: 'pause-recorded',
      fence,
      verdict: answer?.verdict ?? null,
      row: answer?.task ?? null,
    })
  }

  async #recordEnd({ ended, stop }: Extract<Effect, { kind: 'record-end' }>): Promise<void> {
    const { fence } = this
    if (ended.kind === 'returned' && this.#recallsSteps) {
      // The code is over: what is left to read is not its time.
      this.#watch.hold()
      await this.#reportUnused()
    }
    const answer = await this.#settle(outcomeOf(ended, stop, this.#budget))
    this.send({ kind: 'recorded', fence, verdict: answer?.verdict ?? null })
  }

  async #recordAbandoned({ stop, endedBy }: Extract<Effect, { kind: 'record-abandoned' }>): Promise<void> {
    await this.#settle(stoppedOutcome(stop, endedBy, this.#budget), { fencedOff: true })
    this.send({ kind: 'abandonment-recorded' })
  }

  /** Not before the code is recorded as fenced off: the slot would be taken afterwards, and by nobody. */
  async #recordSlotReleased(): Promise<void> {
    const copy = { ...this.#copy, why: 'it returned' }
    await this.#abandonment
    await recordSlotReleased(this.#services, copy)
  }

  async #recorded(write: Promise<void>): Promise<void> {
    const { fence } = this
    await write
    this.send({ kind: 'recorded', fence, verdict: null })
  }

  /** Writes an outcome with everything that is pending. */
  async #settle(outcome: Outcome, { fencedOff = false } = {}): Promise<Recorded | undefined> {
    this.#services.flusher.forget(this)
    const taken = this.pendingWrites.take()
    const answer = await record(this.#services, {
      id: this.id,
      fence: this.fence,
      outcome,
      activeMs: this.#watch.total,
      ...taken.documents,
      ...(fencedOff ? { fencedOff } : {}),
    })
    if (answer?.verdict === 'settled') {
      this.pendingWrites.stored(taken.number)
      if (!continuing.has(outcome.kind) && answer.task !== null)
        this.#span?.settled(answer.task, outcome.kind === 'failed')
    } else this.pendingWrites.putBack(taken)
    return answer
  }

  /** Commands are told all steps at their start, and nobody knows which of them they use. */
  get #recallsSteps(): boolean {
    return this.#state.row.fence > 1 && this.type.command === null
  }

  /** The code may have changed: what it has done under names that it no longer uses must not be lost without notice. */
  async #reportUnused(): Promise<void> {
    const unused = await this.#steps.unused().catch((error: unknown) => {
      this.#services.logger.error({ err: error, task: this.id }, 'could not read the stored steps of a task')
      return []
    })
    if (unused.length === 0) return
    const named = unused.slice(0, 5).map(stepTitle).join(', ')
    const message = `Steps that an earlier run has stored do not occur in this one: ${named}${unused.length > 5 ? ', ...' : ''}.`
    this.#log(message)
    const { row } = this.#state
    this.#services.logger.warn(
      { task: this.id, type: this.type.type, attempt: row.attempt, ...traceField(row.trace) },
      `${unused.length} stored steps do not occur in the run`,
    )
  }

  #stepOf({ attempts, took, ...report }: StepReport): StepRecord {
    const { name, occurrence } = report
    const finishedAt = this.#services.store.now()
    const times = { startedAt: finishedAt - Math.max(0, took), finishedAt }
    if ('result' in report) {
      this.#learnStep(report.result)
      return { name, occurrence, status: 'completed', attempts, ...times, result: report.result, error: null }
    }
    const error = this.#secrets?.hideInError(report.error) ?? report.error
    return { name, occurrence, status: 'failed', attempts, ...times, result: null, error }
  }

  #log(message: string): void {
    const at = this.#services.store.now()
    this.pendingWrites.addLine({ at, attempt: this.#state.row.attempt, text: message })
    if (this.phase !== 'parked') this.#services.flusher.add(this)
    this.#services.journal.report({ kind: 'log', id: this.id, type: this.type.type, at, message })
  }

  #withoutSecrets(ended: Ended): Ended {
    if (this.#secrets === undefined) return ended
    if (ended.kind === 'threw') return { ...ended, error: this.#secrets.hideInError(ended.error) }
    return 'why' in ended ? { ...ended, why: this.#secrets.hide(ended.why) } : ended
  }

  #learn(state: Json): void {
    const pointers = this.type.sensitive?.checkpoint ?? []
    if (pointers.length > 0) this.#secrets?.add(JSON.parse(state), pointers)
  }

  #learnStep(result: Json): void {
    const pointers = this.type.sensitive?.steps ?? []
    if (pointers.length > 0) this.#secrets?.add(JSON.parse(result), pointers)
  }

  #learnAnswer(answer: Json): void {
    const pointers = this.type.sensitive?.answers ?? []
    if (pointers.length > 0) this.#secrets?.add(JSON.parse(answer), pointers)
  }

  #reasonOf(stop: Stop): TaskError {
    switch (stop.kind) {
      case 'cancel':
        return new TaskCancelled(this.id)
      case 'timeout':
        return new TaskTimeout(this.#state.row.timeout ?? 0)
      case 'unwind':
        return new TaskUnwound(stop.why)
    }
  }

  #warn(about: 'killed' | 'abandoned'): void {
    const { row } = this.#state
    this.#services.logger.warn(
      { task: this.id, type: this.type.type, attempt: row.attempt, ...traceField(row.trace) },
      about === 'killed'
        ? 'the handler ignores its signal: killing it'
        : 'the handler ignores its signal: its task continues without it, and its slot stays in use until it returns',
    )
  }

  get #copy(): Readonly<{ id: string; fence: Fence }> {
    return { id: this.id, fence: this.fence }
  }

  get #budget(): Budget {
    const { random } = this.#services
    return { task: this.#state.row, random, poisonLimit: this.type.poisonLimit ?? poisonLimit }
  }

  /** Reports of the running code. A parked copy writes nothing: its reports are kept until it continues. */
  #runCallbacks(): RunCallbacks {
    const mayWrite = () => this.phase !== 'parked'
    const flush = () => {
      if (mayWrite()) this.#services.flusher.add(this)
    }
    return {
      checkpoint: (state) => {
        this.#learn(state)
        this.pendingWrites.keep(state)
        flush()
      },
      durable: async (state) => {
        this.#learn(state)
        const epoch = this.suspensionEpoch
        const number = this.pendingWrites.write(state)
        const save = { ...this.#copy, checkpoint: state }
        try {
          const held = await recordCheckpoint(this.#services, save, () =>
            this.pendingWrites.isOutdated(number),
          )
          if (held) this.pendingWrites.stored(number)
          else this.superseded(epoch)
          return held
        } finally {
          this.pendingWrites.withdraw(number)
        }
      },
      recall: async (key) => {
        const epoch = this.suspensionEpoch
        const recalled = await this.#steps.recall(key)
        if (recalled === undefined) this.superseded(epoch)
        if (recalled?.kind === 'completed') this.#learnStep(recalled.result)
        return recalled ?? null
      },
      completedSteps: async () => {
        const epoch = this.suspensionEpoch
        const completed = await this.#steps.completed()
        if (completed === undefined) this.superseded(epoch)
        for (const { result } of completed ?? []) this.#learnStep(result)
        return completed ?? null
      },
      wait: async (request) => {
        const epoch = this.suspensionEpoch
        const state = await this.#waits.look(this.#copy, request)
        if (state === undefined) this.superseded(epoch)
        if (state?.kind === 'answered') this.#learnAnswer(state.answer)
        return state ?? null
      },
      step: async (report) => {
        const epoch = this.suspensionEpoch
        const save = { ...this.#copy, steps: [this.#stepOf(report)] }
        const held = await recordSteps(this.#services, save)
        if (held) this.#hasSteps = true
        else this.superseded(epoch)
        return held
      },
      spawn: async (request) => {
        const epoch = this.suspensionEpoch
        const spawned = await recordChildren(this.#services, this.#state.row, this.fence, request)
        if (spawned == null) this.superseded(epoch)
        return spawned ?? null
      },
      join: async (request) => {
        const epoch = this.suspensionEpoch
        const state = await lookAtChildren(this.#services, this.#copy, request)
        if (state === undefined) this.superseded(epoch)
        return state ?? null
      },
      outcomes: async (children) => {
        const epoch = this.suspensionEpoch
        const outcomes = await outcomesOf(this.#services, this.id, children)
        if (outcomes === undefined) this.superseded(epoch)
        return outcomes ?? null
      },
      progress: (report) => {
        const { message } = report
        const shown = message === undefined ? {} : { message: this.#secrets?.hide(message) ?? message }
        const progress = { ...report, ...shown, at: this.#services.store.now() }
        this.pendingWrites.progress = progress
        flush()
        if (mayWrite())
          this.#services.journal.report({ kind: 'progress', id: this.id, type: this.type.type, progress })
      },
      log: (line) => this.#log(this.#secrets?.hide(line) ?? line),
      displaced: (why) => this.send({ kind: 'unwind', why }),
      suspended: () => this.send({ kind: 'suspended' }),
      asleep: (request) => {
        this.#hasSlept = true
        const { wakeIn, awaits } = request
        const until = wakeIn === null ? null : Math.ceil(this.#services.store.now() + wakeIn)
        const delay = wakeIn === null ? null : Math.ceil(wakeIn)
        this.send({ kind: 'asleep', sleep: { until, delay, sleeps: sleepsOf(request), awaits } })
      },
      awake: (early) => this.send({ kind: 'awake', early }),
    }
  }
}
