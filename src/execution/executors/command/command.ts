import type { SpawnRequest } from '../../../core/child.ts'
import {
  ChildFailed,
  ChildUnknown,
  joinedAtOnce,
  NoChildCompleted,
  type ChildOutcome,
  type JoinMode,
  type JoinState,
} from '../../../core/join.ts'
import type { Clock } from '../../../core/clock.ts'
import { isInstance, toErrorRecord } from '../../../core/error-record.ts'
import { NonRetryableError, TaskError, TooLarge } from '../../../core/errors.ts'
import { shortSleep } from '../../../core/sleep.ts'
import {
  stepId,
  stepLimits,
  stepTitle,
  TooManySteps,
  type StepKey,
  type StepReport,
} from '../../../core/step.ts'
import { TooManyWaits, type WaitState } from '../../../core/wait.ts'
import { isTerminal, type ErrorRecord, type Json, type Parent } from '../../../core/task.ts'
import { tail } from '../../../core/text.ts'
import { taskVariables } from '../../../core/task-variables.ts'
import { headersOf } from '../../../core/trace-context.ts'
import type { CommandSpec } from '../../../registry/type.ts'
import { linesOf } from '../backlog.ts'
import type { CompletedStep, Ended, Execution, Executor, RunCallbacks, Run } from '../executor.ts'
import { plainEnvironment } from './environment.ts'
import type { FromSupervisor } from './supervisor-protocol.ts'
import { Supervisor, type CommandListener } from './supervisor.ts'
import { limits, toJson } from '../json.ts'
import { leaseOver, type Lease } from '../lease.ts'
import { ProgressRate } from '../progress-rate.ts'
import { isShortage, type Room } from '../shortage.ts'
import {
  notStarted,
  outputKept,
  type Said,
  type SaidJoin,
  type SaidSpawn,
  type SaidStep,
  type SaidWait,
} from './output-parser.ts'
import { checkState, parseStored, resultUnreadable, StoredInvalid } from '../stored.ts'

/** Runs executables. They print JSON lines on standard output, or arbitrary text (docs/commands.md). */
export class CommandExecutor implements Executor {
  readonly #clock: Clock
  readonly #lease: Lease | undefined
  readonly #room: Room
  #supervisor: Supervisor | undefined

  constructor(clock: Clock, lease: Lease | undefined, room: Room) {
    this.#clock = clock
    this.#lease = lease
    this.#room = room
  }

  start(run: Run, callbacks: RunCallbacks): Execution {
    const supervisor = () => this.#theSupervisor()
    return new CommandRun(run, callbacks, { clock: this.#clock, room: this.#room, supervisor })
  }

  hasRoom(): boolean {
    return this.#room.isThere
  }

  async close(): Promise<void> {
    await this.#supervisor?.close()
  }

  #theSupervisor(): Supervisor {
    if (this.#supervisor !== undefined) return this.#supervisor
    const supervisor: Supervisor = new Supervisor(this.#lease, () => {
      if (this.#supervisor === supervisor) this.#supervisor = undefined
    })
    this.#supervisor = supervisor
    return supervisor
  }
}

export class CommandFailed extends TaskError {
  readonly code = 'COMMAND_FAILED'
}

type Means = Readonly<{ clock: Clock; room: Room; supervisor: () => Supervisor }>

/**
 * One run of a command. A program that is asked for a checkpoint on pause exits, and is started again on resume, so a run
 * may consist of several consecutive processes.
 */
class CommandRun implements Execution {
  readonly done: Promise<Ended>
  readonly #run: Run
  readonly #callbacks: RunCallbacks
  readonly #spec: CommandSpec
  readonly #progressRate: ProgressRate
  readonly #room: Room
  readonly #supervisor: () => Supervisor
  #present: { readonly supervisor: Supervisor; readonly number: number } | undefined
  #fence: number
  #state: Json | null
  #result: Json | undefined
  #output = ''
  #pauseRequested = false
  #reason: Error | undefined
  #fault: ErrorRecord | undefined
  #killed = false
  #over = false
  /** Its stored steps are being read. */
  #recalling = false
  /** What it was told, and what it has said since. */
  readonly #steps = new Map<string, CompletedStep>()
  #stepBytes = 0
  /** Steps and children that are not stored yet, and how a refused one is written again once the task continues. */
  readonly #unstored = new Map<object, 'writing' | (() => void)>()
  /** Uses of each name of a child by its present process. */
  readonly #children = new Map<string, number>()
  #stored: (() => void)[] = []
  /** Its process has ended, and what it has done is being stored. */
  #ending = false
  readonly #clock: Clock
  #stepBegan = 0
  /** Sleeps since its checkpoint. */
  #slept: number
  /** Milliseconds that it wants to sleep once it has exited. */
  #wantsSleep: number | undefined
  /** It sleeps, and has no process: until when, by the monotonic clock. */
  #sleepsUntil: number | undefined
  /** What it wants to wait for once it has exited. */
  #wantsWait: SaidWait | undefined
  /** It waits, and has no process: until when, by the monotonic clock. */
  #waitsFor: (SaidWait & { until: number }) | undefined
  /** What it wants to join once it has exited. */
  #wantsJoin: SaidJoin | undefined
  /** It waits for these, and has no process. */
  #joins: Readonly<{ mode: JoinMode; children: readonly JoinedChild[] }> | undefined
  /** What has become of the children that it has joined last, as JSON. */
  #joined: Json = 'null'
  /** The children that it has started, by name and occurrence; and those that its present process has asked for, in order. */
  readonly #started = new Map<string, JoinedChild>()
  #asksFor: StepKey[] = []
  #isLooking = false
  /** Answers of which it is told, by wait, as JSON. */
  readonly #answers = new Map<string, Json>()
  #isAsleep = false
  #alarm: (() => void) | undefined
  #end!: (ended: Ended) => void

  constructor(run: Run, callbacks: RunCallbacks, { clock, room, supervisor }: Means) {
    this.#run = run
    this.#callbacks = callbacks
    this.#spec = run.type.command!
    this.#progressRate = new ProgressRate(clock)
    this.#clock = clock
    this.#room = room
    this.#supervisor = supervisor
    this.#fence = run.fence
    this.#state = run.checkpoint
    this.#slept = run.sleeps === null ? 0 : run.sleeps.over + run.sleeps.left.length
    this.done = new Promise((resolve) => {
      this.#end = (ended) => {
        this.#over = true
        resolve(ended)
      }
    })
    // The first run of a task has nothing to recall.
    if (run.fence === 1) this.#begin()
    else void this.#recall()
  }

  pause(): void {
    this.#pauseRequested = true
    if (this.#ending) return
    if (this.#present === undefined) this.#callbacks.suspended()
    else if (this.#spec.pause === 'freeze') this.#tell('freeze')
    else this.#ask()
  }

  resume(fence?: number): void {
    if (fence !== undefined) this.#fence = fence
    this.#pauseRequested = false
    this.#progressRate.restart()
    for (const again of this.#unstored.values()) if (again !== 'writing') again()
    if (this.#recalling || this.#ending) return
    this.#isAsleep = false
    if (this.#sleepsUntil !== undefined) this.#sleep()
    else if (this.#waitsFor !== undefined) void this.#look()
    else if (this.#joins !== undefined) void this.#lookAtChildren()
    else if (this.#present === undefined) this.#begin()
    else if (this.#spec.pause === 'freeze') this.#tell('thaw')
  }

  /** While it is about to free its slot, the node itself notices. */
  news(): void {
    if (this.#isAsleep || this.#pauseRequested) return
    if (this.#waitsFor !== undefined) void this.#look()
    else if (this.#joins !== undefined) void this.#lookAtChildren()
  }

  abort(reason: Error): void {
    if (this.#reason !== undefined || this.#over) return
    this.#reason = reason
    this.#wake()
    if (this.#present === undefined)
      this.#finish({ kind: 'threw', error: toErrorRecord(reason), final: false })
    else this.#tell('stop')
  }

  readonly kill = (): void => {
    this.#killed = true
    this.#wake()
    this.#present?.supervisor.kill(this.#present.number)
  }

  /** Without an answer, the run is told to stop. */
  async #recall(): Promise<void> {
    this.#recalling = true
    const steps = await this.#callbacks.completedSteps()
    this.#recalling = false
    for (const step of steps ?? []) this.#know(step)
    if (steps !== null && !this.#pauseRequested) this.#begin()
  }

  #begin(): void {
    if (this.#over) return
    this.#sleepsUntil = undefined
    this.#wantsSleep = undefined
    this.#wantsWait = undefined
    this.#wantsJoin = undefined
    this.#asksFor = []
    this.#stepBegan = this.#clock.monotonic()
    this.#children.clear()
    const { type, id, attempt } = this.#run
    try {
      const parameters = parseStored(type.parameters, this.#run.parameters, 'value of the parameters')
      if (this.#state !== null) parseStored(type.state, this.#state, 'checkpoint')
      const [file, ...args] = this.#spec.command(parameters)
      if (typeof file !== 'string' || file === '')
        throw new CommandFailed('The command of the type is empty.')
      const supervisor = this.#supervisor()
      const about = { id, type: type.type, attempt, fence: this.#fence }
      const steps = [...this.#steps.values()].map(
        ({ name, occurrence, result }) =>
          `{"name":${JSON.stringify(name)},"occurrence":${occurrence},"result":${result}}`,
      )
      const documents = `"parameters":${this.#inputOf(parameters)},"state":${this.#state ?? 'null'},"steps":[${steps.join(',')}],"slept":${this.#slept},"answers":[${[...this.#answers.values()].join(',')}],"joined":${this.#joined}`
      const number = supervisor.start(
        {
          file,
          args: args.map(String),
          env: { ...plainEnvironment(), ...this.#ofTask(), ...this.#spec.env(parameters) },
          cwd: this.#spec.cwd(parameters),
          input: `${JSON.stringify(about).slice(0, -1)},${documents}}`,
          listens: this.#spec.pause === 'checkpoint',
        },
        this.#hear,
      )
      this.#present = { supervisor, number }
    } catch (error) {
      const record = toErrorRecord(error)
      if (isShortage(error)) this.#noRoom(`its supervisor could not be started (${record.message})`)
      else this.#finish({ kind: 'threw', error: record, final: true })
    }
  }

  /**
   * With defaults, as the type's own functions receive them; as stored if the schema turned them into something that JSON
   * cannot represent.
   */
  #inputOf(parameters: unknown): Json {
    try {
      return toJson(parameters, 'parameters')
    } catch {
      return this.#run.parameters
    }
  }

  #ofTask(): Record<string, string> {
    const { id, attempt, type, trace } = this.#run
    const { traceparent, tracestate } = headersOf(trace)
    return {
      ...taskVariables({ id, attempt, type: type.type, fence: this.#fence }),
      ...(traceparent === undefined ? {} : { TRACEPARENT: traceparent }),
      ...(tracestate === undefined ? {} : { TRACESTATE: tracestate }),
    }
  }

  readonly #hear: CommandListener = (message) => {
    if (message.kind === 'started') {
      this.#room.started()
    } else if (message.kind === 'said') {
      this.#heard(message.said)
    } else if (message.kind === 'frozen') {
      this.#afterSteps(() => {
        if (this.#pauseRequested) this.#callbacks.suspended()
      })
    } else if (message.kind === 'ended') {
      this.#present = undefined
      this.#output = tail(`${this.#output}${message.output}`, outputKept)
      this.#ending = true
      this.#afterSteps(() => {
        this.#ending = false
        this.#ended(message)
      })
    } else if (message.kind === 'supervisor-died') {
      this.#present = undefined
      if (message.shortage) this.#noRoom(message.why)
      else this.#finish(this.#killed ? { kind: 'killed', how: 'killed' } : { kind: 'died', why: message.why })
    }
  }

  #noRoom(why: string): void {
    this.#room.failed()
    this.#finish({ kind: 'given-back', why, cause: 'shortage', forced: false })
  }

  #ended({ code, signal, fault, blameless, lastError }: Extract<FromSupervisor, { kind: 'ended' }>): void {
    if (this.#result !== undefined && code === 0 && this.#fault === undefined) {
      this.#finish({ kind: 'returned', result: this.#result })
    } else if (this.#killed) {
      this.#finish({ kind: 'killed', how: 'killed' })
    } else if (blameless === 'shortage') {
      this.#noRoom(`it ${fault}`)
    } else if (blameless === 'lease') {
      this.#finish({ kind: 'given-back', why: leaseOver, cause: 'lease', forced: true })
    } else if (this.#fault !== undefined || this.#reason !== undefined) {
      const error = this.#fault ?? toErrorRecord(this.#reason)
      this.#finish({ kind: 'threw', error, final: false })
    } else if (code === 0 && this.#wantsSleep !== undefined) {
      this.#asked = false
      this.#slept += 1
      this.#sleepsUntil = this.#clock.monotonic() + this.#wantsSleep
      if (this.#pauseRequested) this.#callbacks.suspended()
      else this.#sleep()
    } else if (code === 0 && this.#wantsWait !== undefined) {
      this.#asked = false
      this.#waitsFor = { ...this.#wantsWait, until: Number.POSITIVE_INFINITY }
      if (this.#pauseRequested) this.#callbacks.suspended()
      else void this.#look()
    } else if (code === 0 && this.#wantsJoin !== undefined) {
      this.#asked = false
      this.#join(this.#wantsJoin)
    } else if (code === 0 && this.#asked) {
      this.#hasExited()
    } else if (code === 0) {
      const result = JSON.stringify({ exit_code: 0, output: this.#output })
      this.#finish({ kind: 'returned', result })
    } else {
      const how = fault ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`)
      const said = lastError === '' ? '' : `:${lastError.includes('\n') ? '\n' : ' '}${lastError}`
      const error = toErrorRecord(new CommandFailed(`The command ${how}${said}`))
      this.#finish({ kind: 'threw', error, final: fault !== null })
    }
  }

  /** It was asked for a checkpoint and has exited with one: paused, unless that request was withdrawn. */
  #asked = false
  #hasExited(): void {
    this.#asked = false
    if (this.#pauseRequested) this.#callbacks.suspended()
    else this.#begin()
  }

  /** Until its time is over. A long sleep frees the slot. */
  #sleep(): void {
    const left = (this.#sleepsUntil ?? 0) - this.#clock.monotonic()
    this.#alarm?.()
    if (left <= 0) return this.#begin()
    this.#alarm = this.#clock.after(left, () => this.#wakeUp())
    if (left <= shortSleep) return
    this.#isAsleep = true
    this.#callbacks.asleep({ wakeIn: left, awaits: null, over: this.#slept - 1, left: [left] })
  }

  #wakeUp(): void {
    if (this.#over || this.#sleepsUntil === undefined) return
    if (this.#isAsleep) this.#callbacks.awake(false)
    else if (!this.#pauseRequested) this.#begin()
  }

  /** Whether what it waits for has come. If not, the slot is free until it has. */
  async #look(): Promise<void> {
    const waited = this.#waitsFor
    if (waited === undefined || this.#isLooking) return
    this.#isLooking = true
    const { until, ...asked } = waited
    const timedOut = this.#clock.monotonic() >= until
    let state: WaitState | null
    try {
      state = await this.#callbacks.wait({ ...asked, timedOut })
    } catch (error) {
      return this.#finish({ kind: 'threw', error: toErrorRecord(error), final: false })
    } finally {
      this.#isLooking = false
    }
    // Without an answer, the run is told to stop.
    if (state === null || this.#over || this.#reason !== undefined) return
    switch (state.kind) {
      case 'full':
        return this.#finish({ kind: 'threw', error: toErrorRecord(new TooManyWaits()), final: false })
      case 'unreadable': {
        const error = new StoredInvalid(`The stored wait ${stepTitle(asked)} cannot be read: ${state.why}.`)
        return this.#finish({ kind: 'threw', error: toErrorRecord(error), final: true })
      }
      case 'open':
        return this.#wait(waited, state)
      default:
        return this.#goOn(asked, state.kind === 'answered' ? `"answer":${state.answer}` : '"timed_out":true')
    }
  }

  /** An answer that comes meanwhile queues the task, or keeps it from sleeping: then it is told to resume. */
  #wait(waited: SaidWait & { until: number }, { left, seen }: Extract<WaitState, { kind: 'open' }>): void {
    this.#alarm?.()
    waited.until = left === null ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + left
    if (this.#pauseRequested) return
    if (left !== null) this.#alarm = this.#clock.after(left, () => this.#waitOver())
    this.#isAsleep = true
    this.#callbacks.asleep({
      wakeIn: left,
      awaits: { seen, waits: [waited.name] },
      over: this.#slept,
      left: [],
    })
  }

  #join({ mode, children }: SaidJoin): void {
    const wanted = children ?? this.#asksFor
    const missing = wanted.find((key) => !this.#started.has(stepId(key)))
    if (missing !== undefined)
      return this.#finish({ kind: 'threw', error: toErrorRecord(notStarted(missing)), final: false })
    this.#joins = { mode, children: wanted.map((key) => this.#started.get(stepId(key))!) }
    if (this.#pauseRequested) this.#callbacks.suspended()
    else void this.#lookAtChildren()
  }

  /** Whether its children have ended, as far as it needs. If not, the slot is free until they have. */
  async #lookAtChildren(): Promise<void> {
    const { mode, children = [] } = this.#joins ?? {}
    if (mode === undefined || this.#isLooking) return
    this.#isLooking = true
    try {
      const ids = [...new Set(children.map(({ id }) => id))]
      const state: JoinState | null =
        ids.length > 0
          ? await this.#callbacks.join({ mode, children: ids, others: [] })
          : { kind: mode === 'any' ? 'none' : 'ended' }
      // Without an answer, the run is told to stop.
      if (state === null || this.#over || this.#reason !== undefined) return
      if (state.kind === 'unknown') throw new ChildUnknown(state.id)
      if (state.kind === 'none') throw new NoChildCompleted(ids.length)
      if (state.kind === 'open') {
        if (this.#pauseRequested) return
        this.#isAsleep = true
        const awaits = { seen: state.seen, waits: [], children: state.left }
        return this.#callbacks.asleep({ wakeIn: null, awaits, over: this.#slept, left: [] })
      }
      const of = state.kind === 'ended' ? children : children.filter(({ id }) => id === state.id)
      await this.#toldOf(mode, of)
    } catch (error) {
      const final = isInstance(error, NonRetryableError) || isInstance(error, StoredInvalid)
      this.#finish({ kind: 'threw', error: toErrorRecord(error), final })
    } finally {
      this.#isLooking = false
    }
    if (this.#joins === undefined && !this.#over && !this.#pauseRequested && this.#reason === undefined)
      this.#begin()
  }

  /** Reads what has become of these children, page by page. Throws what a handler would be thrown, and `TooLarge`. */
  async #toldOf(mode: JoinMode, children: readonly JoinedChild[]): Promise<void> {
    const told: string[] = []
    let bytes = 0
    while (told.length < children.length) {
      const left = children.slice(told.length, told.length + joinedAtOnce)
      const page = await this.#callbacks.outcomes(left.map(({ id }) => id))
      if (page === null || this.#over || this.#reason !== undefined) return
      if (page.length === 0) throw new ChildUnknown(left[0]!.id)
      for (const [index, outcome] of page.entries()) {
        const child = left[index]!
        if (outcome.id !== child.id) throw new ChildUnknown(child.id)
        // It was retried since: its end is awaited again.
        if (!isTerminal(outcome.status)) return this.#again()
        if (mode !== 'settled' && outcome.status !== 'completed') throw new ChildFailed(child, outcome)
        if (outcome.unreadable !== undefined) throw resultUnreadable(child, outcome.unreadable)
        const line = toldChild(child, outcome)
        bytes += Buffer.byteLength(line)
        const limit = limits['joined results']
        if (bytes > limit) throw new TooLarge('joined results', limit)
        told.push(line)
      }
    }
    this.#joined = `[${told.join(',')}]`
    this.#joins = undefined
  }

  #again(): void {
    setImmediate(() => {
      if (!this.#pauseRequested && !this.#over) void this.#lookAtChildren()
    })
  }

  #waitOver(): void {
    if (this.#over || this.#waitsFor === undefined) return
    if (this.#isAsleep) this.#callbacks.awake(false)
    else if (!this.#pauseRequested) void this.#look()
  }

  #goOn({ name, occurrence }: SaidWait, how: string): void {
    this.#alarm?.()
    this.#waitsFor = undefined
    this.#answers.set(
      stepId({ name, occurrence }),
      `{"name":${JSON.stringify(name)},"occurrence":${occurrence},${how}}`,
    )
    // Paused meanwhile: a resume starts it.
    if (!this.#pauseRequested) this.#begin()
  }

  #ask(): void {
    if (this.#present === undefined || this.#asked) return
    this.#asked = true
    const { supervisor, number } = this.#present
    supervisor.send({ kind: 'ask', run: number, line: '{"control":"checkpoint"}' })
  }

  #heard({ log, progress, checkpoint, steps, spawns, sleep, wait, join, result, fault }: Said): void {
    for (const line of linesOf(log)) this.#callbacks.log(line)
    if (progress !== undefined) {
      const { current, total, message } = progress
      this.#callbacks.progress(this.#progressRate.report(current, total, message))
    }
    for (const step of steps ?? []) this.#did(step)
    for (const spawn of spawns ?? []) this.#start(spawn)
    if (checkpoint !== undefined) this.#keep(checkpoint)
    if (sleep !== undefined) this.#wantsSleep = sleep
    if (wait !== undefined) this.#wantsWait = wait
    if (join !== undefined) this.#wantsJoin = join
    if (result !== undefined) this.#result = result
    if (fault !== undefined) this.#fail(fault)
  }

  /** A step that it was told about stays as it is. */
  #did(step: SaidStep): void {
    const { name, occurrence } = step
    if (this.#steps.has(stepId(step))) return this.#confirm(step)
    if (this.#steps.size >= stepLimits.steps) return this.#fail(toErrorRecord(new TooManySteps()))
    this.#know(step)
    const limit = limits['step results']
    if (this.#stepBytes > limit) return this.#fail(toErrorRecord(new TooLarge('step results', limit)))
    const now = this.#clock.monotonic()
    const took = now - this.#stepBegan
    this.#stepBegan = now
    this.#store({ name, occurrence, attempts: 1, took, result: step.result })
  }

  #know(step: CompletedStep): void {
    this.#steps.set(stepId(step), step)
    this.#stepBytes += Buffer.byteLength(step.result)
  }

  #store(report: StepReport): void {
    this.#unstored.set(report, 'writing')
    this.#callbacks.step(report).then(
      (held) => {
        if (held) {
          this.#unstored.delete(report)
          this.#confirm(report)
        } else this.#unstored.set(report, () => this.#store(report))
        this.#wake()
      },
      (error: unknown) => {
        this.#unstored.delete(report)
        this.#fail(toErrorRecord(error))
        this.#wake()
      },
    )
  }

  #confirm({ name, occurrence }: Pick<StepReport, 'name' | 'occurrence'>): void {
    this.#tellProgram({ stored: { name, occurrence } })
  }

  #start({ type, name, options, occurrence: given, parameters }: SaidSpawn): void {
    const occurrence = given ?? (this.#children.get(name) ?? 0) + 1
    this.#children.set(name, occurrence)
    this.#asksFor.push({ name, occurrence })
    this.#spawn({ type, name, options, children: [{ occurrence, parameters }] })
  }

  #spawn(request: SpawnRequest): void {
    this.#unstored.set(request, 'writing')
    const [child] = request.children
    this.#callbacks.spawn(request).then(
      (spawned) => {
        if (spawned === null) this.#unstored.set(request, () => this.#spawn(request))
        else this.#unstored.delete(request)
        if (spawned?.kind === 'refused') this.#fail(spawned.error)
        if (spawned?.kind === 'started' && child !== undefined) {
          const { name } = request
          const { occurrence } = child
          const id = spawned.ids[0]!
          this.#started.set(stepId({ name, occurrence }), { id, name, occurrence })
          this.#tellProgram({ spawned: { name, occurrence, task_id: id } })
        }
        this.#wake()
      },
      (error: unknown) => {
        this.#unstored.delete(request)
        this.#fail(toErrorRecord(error))
        this.#wake()
      },
    )
  }

  /** If it reads its standard input. */
  #tellProgram(message: object): void {
    if (this.#present === undefined || this.#spec.pause !== 'checkpoint') return
    const { supervisor, number } = this.#present
    supervisor.send({ kind: 'ask', run: number, line: JSON.stringify(message) })
  }

  /** What it has done and started is stored before the task ends or pauses. One that is told to stop does not wait for the store. */
  #afterSteps(act: () => void): void {
    if (this.#unstored.size === 0 || this.#reason !== undefined || this.#killed) act()
    else this.#stored.push(() => this.#afterSteps(act))
  }

  #wake(): void {
    const stored = this.#stored
    this.#stored = []
    for (const look of stored) look()
  }

  #keep(checkpoint: Json): void {
    try {
      checkState(this.#run.type.state, checkpoint)
    } catch (error) {
      this.#fail(toErrorRecord(error))
      return
    }
    this.#state = checkpoint
    this.#slept = 0
    this.#callbacks.checkpoint(checkpoint)
  }

  /** It has violated the protocol: it is stopped, and fails with the first of its faults. */
  #fail(fault: ErrorRecord): void {
    if (this.#fault !== undefined) return
    this.#fault = fault
    this.#tell('stop')
  }

  #tell(kind: 'freeze' | 'thaw' | 'stop'): void {
    this.#present?.supervisor.send({ kind, run: this.#present.number })
  }

  #finish(ended: Ended): void {
    this.#alarm?.()
    if (!this.#over) this.#end(ended)
  }
}

type JoinedChild = Pick<Parent, 'id' | 'name' | 'occurrence'>

/** One of `joined` in the input. Its result is copied as text. */
function toldChild({ id, name, occurrence }: JoinedChild, { status, result, error }: ChildOutcome): Json {
  const told = JSON.stringify({
    name,
    occurrence,
    task_id: id,
    status,
    ...(status !== 'failed' || error === null
      ? {}
      : { error: { code: error.code, name: error.name, message: error.message } }),
  })
  return result === null ? told : `${told.slice(0, -1)},"result":${result}}`
}
