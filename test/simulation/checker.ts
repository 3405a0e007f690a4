import { isDeepStrictEqual } from 'node:util'
import { allows, type EventName } from '../../src/core/lifecycle.ts'
import type { Settlement } from '../../src/core/outcome.ts'
import {
  isActive,
  isTerminal,
  isQueuing,
  type Status,
  type Submission,
  type Task,
  type TaskId,
} from '../../src/core/task.ts'
import type { Move } from '../../src/core/transition.ts'
import type { JoinMode } from '../../src/core/join.ts'
import type { Watched, WatchRequest } from '../../src/store/join-store.ts'
import type { ScheduleChanged } from '../../src/store/schedule-store.ts'
import type {
  ClaimRequest,
  Claimed,
  Command,
  Controlled,
  Copy,
  NodeInfo,
  Released,
  Save,
  Settled,
  Store,
  Submitted,
  TaskRecord,
} from '../../src/store/store.ts'
import type { AnswerRequest, AnswerResult, Reached, ReachRequest } from '../../src/store/wait-store.ts'
import type { WaitKey } from '../../src/core/wait.ts'
import type { Executed } from './database.ts'
import type { Result, State } from './handlers.ts'
import type { LiveRun, RunWitness } from './live-runs.ts'
import { StepWitness } from './task-steps.ts'
import { WaitWitness, type Heard } from './task-waits.ts'
import { promises, type PromiseName, type Violation } from './promises.ts'
import { ChildWitness } from './children.ts'
import { DependencyWitness } from './dependencies.ts'
import { ExpiryWitness } from './expiry.ts'
import type { Holder, LimitWitness } from './limits.ts'
import { PreemptionWitness } from './preemption.ts'
import { TickWitness, type SimulatedSchedule } from './schedules.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What the checker knows about a task. */
export type Known = {
  record: TaskRecord
  /** Every version that was committed. */
  readonly versions: Map<number, Task>
  /** When it was submitted or moved last. */
  movedAt: number
  /** Undefined while it exists. */
  deletedAt: number | undefined
  isDeleted: boolean
}

type FencedOff = Readonly<{ id: TaskId; fence: number; node: string; type: string }>

/** Milliseconds by which times of one stretch may be rounded. */
const tolerance = 5
/** Milliseconds after the last fault in which what it has delayed arrives. */
const settlesWithin = 30_000
/** Milliseconds in which callers are told of an end, however notifications are lost. */
const tellsWithin = 10_000

export type CheckerOptions = Readonly<{
  time: VirtualTime
  truth: () => Store
  /** Milliseconds of a lease; null if one process owns the store. */
  lease: number | null
  /** How many tasks of type `inline` may wait; null for any number. */
  most: number | null
  /** Concurrency limits by type. */
  limits: ReadonlyMap<string, number>
  /** Null without named limits and turns. */
  named: LimitWitness | null
  schedules: readonly SimulatedSchedule[]
  /** When the faults stop. */
  calmFrom: number
  trace: (line: () => string) => void
  /** The function of a step has its effect. */
  effect: (run: LiveRun) => void
}>

/**
 * Knows what is true: what the store has committed, which code really runs, and which leases hold. It takes nothing from
 * the engine, and compares everything that the engine does and says with it.
 */
export class Checker implements RunWitness {
  violation: Violation | undefined
  readonly tasks = new Map<TaskId, Known>()
  readonly runs = new Set<LiveRun>()
  events = 0
  /** When a task was last submitted or moved. */
  lastMove = 0
  readonly ticks: TickWitness
  readonly #dependencies = new DependencyWitness()
  readonly #expiry: ExpiryWitness
  readonly #preemption = new PreemptionWitness()
  readonly #children = new ChildWitness()
  readonly waits: WaitWitness
  readonly steps = new StepWitness()
  readonly #options: CheckerOptions
  /** Until when each node lives; -1 once it has ended. */
  readonly #leases = new Map<string, number>()
  readonly #starts = new Set<string>()
  readonly #held = new Set<string>()
  #fencedOff: FencedOff[] = []
  readonly #runsOf = new Map<TaskId, LiveRun[]>()
  #isDirty = false
  #slotsChanged = false

  constructor(options: CheckerOptions) {
    this.#options = options
    this.ticks = new TickWitness(options.schedules)
    const { lease, calmFrom } = options
    // The wall clock of one process is corrected by less than a second without effect.
    const clockTolerance = lease === null ? 5_000 : tolerance
    this.waits = new WaitWitness(clockTolerance)
    this.#expiry = new ExpiryWitness(clockTolerance, calmFrom + settlesWithin)
  }

  /** The types of which nothing may be claimed. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  get limits(): ReadonlyMap<string, number> {
    return this.#options.limits
  }

  fail(promise: PromiseName, message: string): void {
    const at = this.#options.time.now
    if (this.violation !== undefined) return
    this.violation = { promise, title: promises[promise], message, at }
    this.#options.trace(() => `broken: "${promises[promise]}": ${message}`)
  }

  expect(promise: PromiseName, holds: boolean, message: () => string): void {
    if (!holds) this.fail(promise, message())
  }

  isNodeAlive(node: string): boolean {
    return this.#options.time.now <= (this.#leases.get(node) ?? -1)
  }

  /** A row was shown to a caller: it must have been committed as it was shown. */
  shown(task: Task, where: string): void {
    const committed = this.tasks.get(task.id)?.versions.get(task.version)
    const isSame =
      committed !== undefined &&
      committed.status === task.status &&
      committed.fence === task.fence &&
      committed.attempt === task.attempt &&
      committed.ownerNode === task.ownerNode &&
      committed.requestedControl === task.requestedControl
    this.expect('shown', isSame, () => {
      return `${where} showed ${task.id} v${task.version} ${task.status}, committed is ${committed === undefined ? 'no such version' : committed.status}`
    })
  }

  /** Somebody who has waited since then is told that the task is gone: if there was time to tell, its end was not told. */
  missedEnd(id: TaskId, since: number): void {
    const { movedAt = 0, deletedAt = 0 } = this.tasks.get(id) ?? {}
    const could = Math.max(movedAt, since, this.#options.calmFrom + settlesWithin) + tellsWithin
    this.expect('ends', deletedAt <= could, () => {
      return `nobody told a caller of the end of ${id} before it was deleted, ${deletedAt - movedAt} ms later`
    })
  }

  /** The store has carried out a call. */
  async committed({ process, verb, args, answer }: Executed): Promise<void> {
    const { time, lease } = this.#options
    switch (verb) {
      case 'submit':
        this.#dependencies.submitted(args[0] as readonly Submission[])
        this.#right('fenced', this.#children.submitted(answer as Submitted))
        await this.#submitted(verb, answer as Submitted)
        return this.#mayWait(answer as Submitted)
      case 'commit':
        for (const one of answer as readonly Submitted[]) await this.#submitted(verb, one)
        return
      case 'startNode': {
        const { id } = args[0] as NodeInfo
        if (lease === null) this.#leases.clear()
        this.#leases.set(id, time.now + (lease ?? Number.POSITIVE_INFINITY))
        this.#options.trace(() => `${process.name} is node ${id}`)
        return
      }
      case 'renew':
        if (answer === true) this.#leases.set(args[0] as string, time.now + lease!)
        return
      case 'endNode':
        this.#leases.set(args[0] as string, -1)
        return
      case 'hold':
        if (args[1] === true) this.#held.add(args[0] as string)
        else this.#held.delete(args[0] as string)
        return
      case 'claim':
        return this.#claimed(args[0] as ClaimRequest, answer as readonly Claimed[])
      case 'settle':
        return this.#settled(
          args[0] as string,
          args[1] as readonly Settlement[],
          answer as readonly Settled[],
        )
      case 'save':
        return this.#saved(args[0] as string, args[1] as readonly Save[], answer as readonly boolean[])
      case 'control':
        this.#children.controlled(args[0] as readonly Command[], answer as readonly Controlled[])
        this.waits.controlled(args[0] as readonly Command[], answer as readonly Controlled[])
        await this.#refresh(
          verb,
          (args[0] as readonly Command[]).map(({ id }) => id),
        )
        return this.#countersEqualRows()
      case 'waits.reach':
        return this.#right(
          'asked',
          this.waits.reached(args[1] as ReachRequest, answer as Reached | 'full' | null, time.now),
        )
      case 'waits.answer': {
        const request = args[0] as AnswerRequest
        this.#right('asked', this.waits.answered(request, answer as AnswerResult))
        await this.#refresh(verb, [request.id])
        return this.#countersEqualRows()
      }
      case 'unpark':
        return this.#unparked(args[0] as string, args[1] as readonly Copy[])
      case 'releaseSlots':
        return this.#slotsReleased(args[0] as string, args[1] as readonly Copy[])
      case 'release': {
        const { moved } = answer as Released
        await this.#movedBy(verb, moved)
        this.#right('told', this.#children.released(moved))
        const wrong = this.#dependencies.released(moved, (id) => {
          const versions = [...(this.tasks.get(id)?.versions.values() ?? [])]
          return versions.some(({ status }) => isTerminal(status))
        })
        return this.expect('limits', wrong === undefined, () => wrong ?? '')
      }
      case 'joins.watch':
        return this.#children.watched(args[1] as WatchRequest, answer as Watched | null)
      case 'preempt': {
        const asked = answer as readonly Task[]
        const wrong = this.#preemption.asked(
          asked,
          (id) => this.tasks.get(id)?.record.task,
          this.#options.time.now,
        )
        this.expect('limits', wrong === undefined, () => wrong ?? '')
        await this.#refresh(
          verb,
          asked.map(({ id }) => id),
        )
        return
      }
      case 'promote':
      case 'expire':
        return this.#movedBy(verb, (answer as { moved: readonly Move[] }).moved)
      case 'schedules.change': {
        const changes = answer as readonly ScheduleChanged[]
        return this.#movedBy(
          verb,
          changes.flatMap((change) => (change.kind === 'changed' ? change.tasks : [])),
        )
      }
      case 'limits.declare':
      case 'limits.put':
      case 'limits.remove': {
        const uses = await this.#options.truth().limits.list()
        return this.#options.named?.defined(uses.map(({ limit }) => limit))
      }
      case 'reap':
        return this.#reaped(answer as readonly Move[])
      case 'purge':
        await this.#refresh(verb, args[0] as readonly TaskId[])
        return this.#countersEqualRows()
      case 'prune':
        if (answer === 0) return
        await this.#refresh(verb, [...this.tasks.keys()])
        return this.#countersEqualRows()
    }
  }

  /** After each step: what must hold between any two events. */
  check(): void {
    this.events += 1
    if (!this.#isDirty) return
    this.#isDirty = false
    this.#slotsChanged = true
    for (const [type, limit] of this.#options.limits) {
      let running = 0
      for (const run of this.runs) if (run.identity.type === type && this.#counts(run)) running += 1
      this.expect(
        'limits',
        running <= limit,
        () => `${running} of type ${type} run at once; the limit is ${limit}`,
      )
    }
    const { named } = this.#options
    if (named !== null) this.#right('limits', named.running([...this.#codeUnderLimits()]))
  }

  *#codeUnderLimits(): Iterable<Holder> {
    for (const run of this.runs) {
      const { task } = this.tasks.get(run.identity.id)?.record ?? {}
      if (task !== undefined && this.#counts(run)) yield { task, node: run.identity.node }
    }
  }

  /** `wrong`: what a witness has found. */
  #right(promise: PromiseName, wrong: string | undefined): void {
    if (wrong !== undefined) this.fail(promise, wrong)
  }

  /** Whether other code runs than at the last look. */
  slotsChanged(): boolean {
    const changed = this.#slotsChanged
    this.#slotsChanged = false
    return changed
  }

  /** Code that really runs, on a node that may still write. */
  #counts(run: LiveRun): boolean {
    return !run.hasEnded && !run.isSuspended && !run.stopsFromPark && this.isNodeAlive(run.identity.node)
  }

  started(run: LiveRun): void {
    const { id, node, process } = run.identity
    this.#options.trace(
      () => `${process.name} starts ${id} fence ${run.fence} attempt ${run.identity.attempt}`,
    )
    this.runs.add(run)
    const earlier = this.#runsOf.get(id)
    if (earlier === undefined) this.#runsOf.set(id, [run])
    else earlier.push(run)
    this.#isDirty = true
    this.#mayRun(run, run.fence, 'start')
    for (const other of this.runs) {
      if (
        other !== run &&
        !other.hasEnded &&
        other.identity.id === id &&
        other.identity.process === process
      ) {
        this.expect(
          'fenced',
          other.fence < run.fence,
          () => `${id} starts beside itself with fence ${run.fence} on ${node}`,
        )
      }
    }
  }

  adopted(run: LiveRun, fence: number): void {
    const { id, process } = run.identity
    this.#options.trace(() => `${process.name} continues ${id} with fence ${fence}`)
    this.#isDirty = true
    run.stopsFromPark = false
    this.#mayRun(run, fence, 'continue')
    const { task, checkpoint } = this.tasks.get(id)?.record ?? {}
    if (task?.fence !== fence) return
    const seq = checkpoint == null ? 0 : (JSON.parse(checkpoint) as State).seq
    this.expect('paused', run.newest >= seq, () => {
      return `a handler that is at checkpoint ${run.newest} of ${id} continues, although ${seq} is stored`
    })
  }

  continues(run: LiveRun, state: State | undefined): void {
    const { id } = run.identity
    const stored = this.tasks.get(id)?.record.checkpoint
    const seq = stored == null ? 0 : (JSON.parse(stored) as State).seq
    const known = this.tasks.get(id)?.record.task.fence
    // Rows of a node whose lease has ended may have moved on.
    if (known !== run.fence) return
    this.expect('paused', (state?.seq ?? 0) === seq, () => {
      return `${id} continues from checkpoint ${state?.seq ?? 'none'} although ${seq} is stored`
    })
  }

  stored(run: LiveRun, seq: number): void {
    const { id } = run.identity
    const record = this.tasks.get(id)?.record
    if (record === undefined || record.task.fence !== run.fence) return
    const held = record.checkpoint == null ? 0 : (JSON.parse(record.checkpoint) as State).seq
    this.expect(
      'durable',
      held >= seq,
      () => `${id} was told that checkpoint ${seq} is stored, but ${held} is`,
    )
  }

  did(run: LiveRun, name: string): void {
    this.#options.trace(() => `${run.identity.id} does "${name}" with fence ${run.fence}`)
    this.#right('durable', this.steps.did(run, name))
    this.#options.effect(run)
  }

  knows(run: LiveRun, name: string, result: string): void {
    const wrong = this.steps.knows(run, name, result)
    this.expect('durable', wrong === undefined, () => wrong ?? '')
  }

  hears(run: LiveRun, key: WaitKey, heard: Heard): void {
    this.#options.trace(
      () =>
        `${run.identity.id} hears ${JSON.stringify(heard)} for "${key.name}" (${key.occurrence}) with fence ${run.fence}`,
    )
    this.#right('asked', this.waits.heard(run, key, heard))
  }

  joined(run: LiveRun, mode: JoinMode, children: readonly TaskId[]): void {
    const statuses = children.map((id) => this.tasks.get(id)?.record.task.status)
    // A child that was cancelled, and then retried, may run again.
    const hasEnded = (id: TaskId) =>
      [...(this.tasks.get(id)?.versions.values() ?? [])].some(({ status }) => isTerminal(status))
    const isOver =
      mode === 'settled'
        ? children.every(hasEnded)
        : mode === 'all'
          ? statuses.every((status) => status === 'completed')
          : statuses.includes('completed')
    this.expect('limits', isOver, () => {
      return `${run.identity.id} continued after ${mode} of its children, which are ${statuses.join(', ')}`
    })
  }

  /** At the end. */
  async stepsAreStored(): Promise<void> {
    const isThere = (id: TaskId) => this.tasks.get(id)?.isDeleted === false
    const wrong = await this.steps.stored(this.#options.truth(), isThere)
    this.expect('durable', wrong === undefined, () => wrong ?? '')
  }

  changed(run: LiveRun): void {
    this.#isDirty = true
    if (run.hasEnded) {
      const { id, process } = run.identity
      this.#options.trace(() => `${process.name} ${id} fence ${run.fence} stopped`)
      this.runs.delete(run)
    }
  }

  /** The process of these runs is gone. */
  processDied(isOf: (run: LiveRun) => boolean): void {
    for (const run of this.runs) if (isOf(run)) run.end()
  }

  #mayRun(run: LiveRun, fence: number, what: string): void {
    const { id, node } = run.identity
    const { task } = this.tasks.get(id)?.record ?? {}
    const key = `${id} ${fence}`
    this.expect('fenced', !this.#starts.has(key), () => `${id} runs twice with fence ${fence}`)
    this.#starts.add(key)
    const owner = task?.fence === fence ? (task.ownerNode ?? node) : node
    this.expect('fenced', this.isNodeAlive(owner), () => {
      return `a handler ${what}s for ${id} with fence ${fence} after the lease of ${owner} has ended`
    })
    this.expect('fenced', task?.fence === fence, () => {
      return `a handler ${what}s for ${id} with fence ${fence}, but the newest is ${task?.fence}`
    })
  }

  async #submitted(verb: string, answer: Submitted): Promise<void> {
    if (answer.kind !== 'accepted') return
    await this.#refresh(
      verb,
      answer.tasks.map(({ task }) => task.id),
    )
    await this.#countersEqualRows()
  }

  /** A submit that adds tasks leaves no more waiting than may. */
  #mayWait(answer: Submitted): void {
    const { most } = this.#options
    const isBounded =
      answer.kind === 'accepted' &&
      answer.tasks.some(({ task, replayed }) => !replayed && task.type === 'inline')
    if (most === null || !isBounded) return
    const waiting = [...this.tasks.values()].filter(
      ({ record: { task }, isDeleted }) => !isDeleted && task.type === 'inline' && isQueuing(task),
    )
    this.expect(
      'limits',
      waiting.length <= most,
      () => `${waiting.length} tasks of type inline wait after a submit; at most ${most} may`,
    )
  }

  async #movedBy(verb: string, moves: readonly Move[]): Promise<void> {
    if (moves.length === 0) return
    await this.#refresh(
      verb,
      moves.map(({ task }) => task.id),
    )
    await this.#countersEqualRows()
  }

  async #claimed({ node, types }: ClaimRequest, claimed: readonly Claimed[]): Promise<void> {
    if (claimed.length === 0) return
    const waited = [...this.tasks.values()]
      .filter(({ isDeleted, record }) => !isDeleted && record.task.status === 'queued')
      .map(({ record }) => record.task)
    await this.#movedBy('claim', claimed)
    this.expect('fenced', this.isNodeAlive(node), () => `${node} claims although its lease has ended`)
    const { named, time } = this.#options
    if (named !== null) {
      const taken = claimed.map(({ task }) => task)
      this.#right('limits', named.claimed(node, taken, this.#holders(), time.now))
      this.#right(
        'limits',
        named.took(taken, waited, types, (type) => this.#held.has(type)),
      )
    }
    for (const { task } of claimed) {
      this.expect(
        'limits',
        !this.#held.has(task.type),
        () => `${task.id} of held type ${task.type} is claimed`,
      )
      const limit = types.find(({ type }) => type === task.type)?.concurrency ?? null
      if (limit === null) continue
      const occupied = this.#occupied(task.type)
      this.expect('limits', occupied <= limit, () => {
        return `${occupied} places of type ${task.type} are taken after a claim; the limit is ${limit}`
      })
    }
  }

  #holders(): readonly Holder[] {
    const running = [...this.tasks.values()]
      .filter(({ isDeleted, record }) => !isDeleted && isActive(record.task.status))
      .map(({ record: { task } }) => ({ task, node: task.ownerNode ?? '' }))
    const fencedOff = this.#fencedOff.map(({ id, node }) => ({ task: this.tasks.get(id)!.record.task, node }))
    return [...running, ...fencedOff]
  }

  #occupied(type: string): number {
    let occupied = this.#fencedOff.filter((place) => place.type === type).length
    for (const { record, isDeleted } of this.tasks.values()) {
      if (!isDeleted && record.task.type === type && isActive(record.task.status)) occupied += 1
    }
    return occupied
  }

  async #settled(
    node: string,
    settlements: readonly Settlement[],
    answers: readonly Settled[],
  ): Promise<void> {
    for (const [index, settlement] of settlements.entries()) {
      const { id, fence, outcome, fencedOff } = settlement
      const before = this.tasks.get(id)?.record
      const answer = answers[index]!
      const run = this.#runOf(id, fence, node)
      const reported = run?.reported
      if (answer.verdict === 'settled') {
        this.expect('fenced', before?.task.fence === fence && before.task.ownerNode === node, () => {
          return `${node} settled ${id} with fence ${fence}; the newest is ${before?.task.fence} of ${before?.task.ownerNode}`
        })
        if (fencedOff === true) this.#fencedOff.push({ id, fence, node, type: answer.task.type })
      }
      await this.#refresh('settle', [id])
      if (answer.verdict !== 'settled') continue
      const { record } = this.tasks.get(id)!
      const { checkpoint, result } = record
      const entry = record.timeline.at(-1)
      if (outcome.kind === 'paused' || outcome.kind === 'sleeping') {
        const held = checkpoint === null ? 0 : (JSON.parse(checkpoint) as State).seq
        this.expect('paused', held >= (reported ?? 0), () => {
          return `${id} is ${answer.task.status} with checkpoint ${held}, although its code has reported ${reported}`
        })
        this.expect(
          'paused',
          run === undefined || run.isSuspended || run.isAborted,
          () => `${id} is ${answer.task.status} while its code runs`,
        )
        run?.pause()
      } else if (outcome.kind !== 'fenced' && outcome.kind !== 'awake' && fencedOff !== true) {
        const isOut = run === undefined || run.hasEnded || !this.isNodeAlive(node)
        this.expect(
          'cancelled',
          isOut,
          () => `${id} ${entry?.event}: its slot is free although its code has not stopped`,
        )
      }
      if (outcome.kind === 'completed' && result !== null) {
        const { id: of, fence: by } = JSON.parse(result) as Result
        // Code that returned before its fence was raised, or before a claim could continue it, does not know the new one.
        const isOwn = by <= fence && (this.#runsOf.get(id) ?? []).every((one) => one.fence <= by)
        this.expect(
          'fenced',
          of === id && isOwn,
          () => `${id} completed with the result of ${of} fence ${by}`,
        )
      }
      this.#activeTime(record)
    }
    await this.#countersEqualRows()
  }

  /** Active time is that in which the code was not suspended. */
  #activeTime({ task, timeline }: TaskRecord): void {
    const runs = this.#runsOf.get(task.id) ?? []
    const sum = (some: readonly LiveRun[]) => some.reduce((total, run) => total + run.active, 0)
    if (timeline.at(-1)?.error?.code === 'TIMEOUT') {
      const active = sum(runs.filter(({ identity }) => identity.attempt === task.attempt))
      this.expect('clocks', active + tolerance >= (task.timeout ?? 0), () => {
        return `${task.id} timed out after ${active} ms of active time; its timeout is ${task.timeout} ms`
      })
    }
    // The active time of a lost run is not known to anyone.
    if (timeline.some(({ event }) => event === 'lost')) return
    this.expect('clocks', task.activeMs <= sum(runs) + tolerance * runs.length, () => {
      return `${task.id} is said to have been active for ${task.activeMs} ms; it was for ${sum(runs)} ms`
    })
  }

  async #saved(node: string, saves: readonly Save[], answers: readonly boolean[]): Promise<void> {
    for (const [index, { id, fence }] of saves.entries()) {
      const before = this.tasks.get(id)?.record.task
      if (answers[index] === true) {
        this.expect(
          'fenced',
          before?.fence === fence && before.ownerNode === node && isActive(before.status),
          () => {
            return `${node} saved ${id} with fence ${fence}; the newest is ${before?.fence}, ${before?.status}`
          },
        )
      }
      await this.#refresh('save', [id])
    }
  }

  async #unparked(node: string, copies: readonly Copy[]): Promise<void> {
    for (const { id, fence } of copies) {
      const before = this.tasks.get(id)?.record.task.ownerNode
      await this.#refresh('unpark', [id])
      const after = this.tasks.get(id)?.record.task.ownerNode
      if (before === null || after !== null) continue
      const run = this.#runOf(id, fence, node)
      this.expect(
        'cancelled',
        run === undefined || run.hasEnded,
        () => `${id} is unparked although its code lives`,
      )
    }
    await this.#countersEqualRows()
  }

  async #slotsReleased(node: string, copies: readonly Copy[]): Promise<void> {
    for (const { id, fence } of copies) {
      this.#fencedOff = this.#fencedOff.filter(
        (place) => place.node !== node || place.id !== id || place.fence !== fence,
      )
      const run = this.#runOf(id, fence, node)
      this.expect(
        'cancelled',
        run === undefined || run.hasEnded,
        () => `the slot of ${id} is free although its code lives`,
      )
    }
    await this.#countersEqualRows()
  }

  async #reaped(moves: readonly Move[]): Promise<void> {
    for (const { before, task } of moves) {
      const owner = before?.ownerNode ?? ''
      this.expect(
        'fenced',
        !this.isNodeAlive(owner),
        () => `${task.id} was taken from ${owner}, which is alive`,
      )
    }
    this.#fencedOff = this.#fencedOff.filter(({ node }) => this.isNodeAlive(node))
    await this.#movedBy('reap', moves)
  }

  #runOf(id: TaskId, fence: number, node: string): LiveRun | undefined {
    for (const run of this.runs) {
      if (run.identity.id === id && run.fence === fence && run.identity.node === node) return run
    }
    return undefined
  }

  async #refresh(verb: string, ids: readonly TaskId[]): Promise<void> {
    const truth = this.#options.truth()
    for (const id of new Set(ids)) {
      const known = this.tasks.get(id)
      const record = await truth.read(id)
      if (record === null) {
        if (known !== undefined && !known.isDeleted) this.#deleted(verb, known)
        continue
      }
      if (known === undefined) {
        this.tasks.set(id, {
          record,
          versions: new Map([[record.task.version, record.task]]),
          movedAt: this.#options.time.now,
          deletedAt: undefined,
          isDeleted: false,
        })
        this.lastMove = this.#options.time.now
        this.#expiry.submitted(record.task, this.#options.time.now)
        const wrong = this.ticks.submitted(record.task)
        if (wrong !== undefined) this.fail('limits', wrong)
        this.#options.named?.moved(record.task, undefined, record.task.status)
        this.#options.trace(() => `store: ${verb} ${id} v1 ${record.task.status}`)
      } else if (!known.isDeleted) {
        this.#moved(verb, known, record)
        this.ticks.moved(record.task)
        this.#options.named?.moved(record.task, known.record.task.status, record.task.status)
        known.record = record
        known.versions.set(record.task.version, record.task)
      }
    }
  }

  #deleted(verb: string, known: Known): void {
    known.isDeleted = true
    known.deletedAt = this.#options.time.now
    const { task } = known.record
    this.#options.trace(() => `store: ${verb} deletes ${task.id}`)
    const mayGo = verb === 'purge' || verb === 'prune'
    this.expect(
      'durable',
      mayGo && isTerminal(task.status),
      () => `${task.id}, ${task.status}, is lost by ${verb}`,
    )
  }

  #moved(verb: string, known: Known, after: TaskRecord): void {
    const before = known.record
    const [from, to] = [before.task, after.task]
    const { id } = to
    if (to.version !== from.version) {
      known.movedAt = this.#options.time.now
      const entry = after.timeline.at(-1)
      this.lastMove = this.#options.time.now
      this.#options.trace(
        () =>
          `store: ${verb} ${id} v${to.version} ${from.status} -> ${to.status} (${entry?.event}${entry?.why === undefined ? '' : `, ${entry.why}`}) fence ${to.fence} owner ${to.ownerNode} by ${entry?.by}`,
      )
      if (entry?.event === 'retried') this.steps.retried(id)
      const isLegal = allows((entry?.event ?? '') as EventName, from.status, to.status)
      this.expect(
        'terminal',
        isLegal,
        () => `${id} moved from ${from.status} to ${to.status} by ${entry?.event}`,
      )
      this.expect('known', (entry?.by ?? '') !== '', () => `${id}: nobody is named for ${entry?.event}`)
      if (entry?.event === 'retried') this.#preemption.retried(id)
      const wrong = this.#expiry.moved(from, to, entry?.event, this.#options.time.now)
      this.expect('limits', wrong === undefined, () => wrong ?? '')
      this.#requestsStay(id, from.status, to, entry?.event)
    }
    this.expect('fenced', to.version >= from.version && to.fence >= from.fence, () => {
      return `${id} fell from v${from.version} fence ${from.fence} to v${to.version} fence ${to.fence}`
    })
    if (isTerminal(from.status) && !isDeepStrictEqual(before, after)) {
      const isRetry =
        verb === 'control' && from.status !== 'completed' && after.timeline.at(-1)?.event === 'retried'
      this.expect('terminal', isRetry && to.version > from.version, () => {
        return `${id} was ${from.status} and is ${to.status} by ${verb}`
      })
      return
    }
    this.#checkpointsRise(id, before, after)
  }

  /** A requested control stays until it is in effect or was withdrawn. */
  #requestsStay(id: TaskId, from: Status, { status: to }: Task, event: string | undefined): void {
    if (from === 'pausing') {
      const ends = ['paused', 'running', 'cancelling', 'completed', 'failed', 'pausing']
      this.expect('paused', ends.includes(to), () => `${id} was to be paused and is ${to} by ${event}`)
    }
    if (from === 'cancelling') {
      const ends = ['cancelled', 'completed', 'cancelling']
      this.expect('cancelled', ends.includes(to), () => `${id} was to be cancelled and is ${to} by ${event}`)
    }
  }

  #checkpointsRise(id: TaskId, before: TaskRecord, after: TaskRecord): void {
    if (before.checkpoint === after.checkpoint || before.checkpoint === null) return
    if (after.timeline.at(-1)?.event === 'retried') return
    const seq = (text: string | null) => (text === null ? 0 : (JSON.parse(text) as State).seq)
    this.expect('paused', seq(after.checkpoint) >= seq(before.checkpoint), () => {
      return `${id}: checkpoint ${seq(before.checkpoint)} is replaced by the older ${seq(after.checkpoint)}`
    })
  }

  async #countersEqualRows(): Promise<void> {
    const { byType, fencedOff } = await this.#options.truth().counts()
    const rows: Record<string, Partial<Record<Status, number>>> = {}
    for (const { record, isDeleted } of this.tasks.values()) {
      if (isDeleted) continue
      const counts = (rows[record.task.type] ??= {})
      counts[record.task.status] = (counts[record.task.status] ?? 0) + 1
    }
    const places: Record<string, number> = {}
    for (const { type } of this.#fencedOff) places[type] = (places[type] ?? 0) + 1
    this.expect('limits', isDeepStrictEqual(byType, rows), () => {
      return `the counters are ${JSON.stringify(byType)}, the rows ${JSON.stringify(rows)}`
    })
    this.expect('limits', isDeepStrictEqual(fencedOff, places), () => {
      return `the places of fenced-off code are ${JSON.stringify(fencedOff)}, not ${JSON.stringify(places)}`
    })
    const { named } = this.#options
    if (named === null) return
    const uses = await this.#options.truth().limits.list()
    const counted = uses.map(({ limit: { name }, running }) => ({ name, running }))
    this.#right('limits', named.counted(counted, this.#holders()))
  }
}
