import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import {
  afterClockSetBack,
  decide,
  nameOf,
  schedulePaused,
  submissionOfTick,
  type Decision,
  type Schedule,
  type ScheduleView,
} from '../core/schedule.ts'
import { isTerminal, type Submission, type TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Outcome, ScheduleChange } from '../store/schedule-store.ts'
import type { Store } from '../store/store.ts'

export type SchedulerOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  journal: Journal
  claimer: Readonly<{ claimWith<T>(write: () => Promise<T>): Readonly<{ answer: Promise<T> }> }>
  newId: () => TaskId
  /** The types whose tasks this node can submit. */
  types: () => readonly string[]
  maxQueued: number
  /** Milliseconds for which ticks are kept. */
  retention: number
  /** The submission of a task of this schedule, without its tick. Throws if its parameters or options no longer fit. */
  submission: (schedule: Schedule, id: TaskId) => Submission
  /** Cancels these tasks on behalf of the schedule. */
  cancel: (ids: readonly TaskId[], by: string) => Promise<void>
}>

type Decided = Readonly<{ view: ScheduleView; decision: Decision }>

/** Schedules per transaction. */
const atOnce = 100
const longestWait = 1_000
/** Milliseconds after which a schedule is looked at again that another node is changing, or whose time is not quite here. */
const soon = 5
const pruneEvery = 60_000
const pruneLimits = { schedules: 100, ticks: 500 }
/** Milliseconds by which the clock must be set back to be noticed. */
const tolerance = 1_000

/**
 * Carries out what schedules decide: when a tick is due, and when a task has ended for which another tick waits. All nodes do so; whoever
 * writes a decision first wins, and the others find nothing left to do.
 */
export class Scheduler implements Subscriber {
  readonly #options: SchedulerOptions
  readonly #loop: Loop
  readonly #pruner: Loop
  #outcomes: Outcome[] = []
  /** Schedules to look at, although they may not be due. */
  readonly #wanted = new Set<string>()
  /** The latest time that was seen; the clock is compared with it. */
  #latest = Number.POSITIVE_INFINITY
  #pruneAfter = ''
  /** Due schedules that this node cannot read: they are asked for beside others, which they would hide. */
  #unreadable = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#loop = new Loop('schedules', options.clock, options.logger, () => this.#work())
    this.#pruner = new Loop('prune ticks', options.clock, options.logger, () => this.#prune())
  }

  start(): void {
    this.#loop.kick()
    this.#pruner.kick()
  }

  moved({ task: { scheduleId, tickAt, status } }: Move): void {
    if (scheduleId === null || tickAt === null || !isTerminal(status)) return
    this.#outcomes.push({ scheduleId, tickAt, status })
    this.#loop.kick()
  }

  /** A schedule has changed, and may be due at this time, in Unix milliseconds. */
  expect(dueAt: number | null): void {
    if (dueAt !== null) this.#loop.within(Math.max(0, dueAt - this.#options.store.now()))
  }

  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#pruner.stop()])
  }

  /** Keeps the outcomes of tasks that have ended since it stopped. */
  async flush(): Promise<void> {
    try {
      await this.#record()
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'could not keep the outcomes of scheduled tasks')
    }
  }

  async #work(): Promise<number> {
    const { schedules } = this.#options.store
    await this.#record()
    await this.#followClock()
    const { ids, dueIn } = await schedules.due(this.#options.types(), atOnce + this.#unreadable)
    const chosen = [...new Set([...ids, ...this.#wanted])]
    const rest = Math.min(longestWait, dueIn ?? longestWait)
    if (chosen.length === 0) return rest
    const views = await schedules.view(chosen)
    for (const id of chosen) this.#wanted.delete(id)
    const known = this.#unreadable
    this.#unreadable = chosen.length - views.length
    const now = this.#options.store.now()
    const decide = (room?: number) => (view: ScheduleView) => this.#decide(view, now, room)
    let decided = views.flatMap(decide())
    // Some may not be readable here: they tick on other nodes.
    if (decided.length === 0)
      return ids.length === 0 || (views.length < chosen.length && this.#unreadable === known)
        ? longestWait
        : soon
    let isDone = true
    while (decided.length > 0) {
      const { lost, full } = await this.#carryOut(decided)
      isDone &&= lost === 0
      // Half as many starts may fit; the other ticks wait.
      decided = full.flatMap(({ view, decision: { starts } }) => decide(starts.length >> 1)(view))
    }
    return isDone ? rest : Math.min(soon, rest)
  }

  #decide(view: ScheduleView, now: number, room?: number): Decided[] {
    const decision = decide(view, now, this.#options.newId, room)
    return decision === null ? [] : [{ view, decision }]
  }

  /** `lost`: how many must be decided again. `full`: those for whose tasks the queue has no room. */
  async #carryOut(decided: readonly Decided[]): Promise<Readonly<{ lost: number; full: Decided[] }>> {
    const { store, claimer, journal, logger, maxQueued, cancel } = this.#options
    const changes = decided.map(({ decision }) => this.#changeOf(decision))
    const write = () => store.schedules.change(changes, maxQueued)
    const submits = changes.some(({ submissions }) => submissions.length > 0)
    const results = await (submits ? claimer.claimWith(write).answer : write())
    let lost = 0
    const full: Decided[] = []
    const cancelling: Promise<void>[] = []
    for (const [index, result] of results.entries()) {
      const one = decided[index]!
      const { cancels, schedule, starts } = one.decision
      if (result.kind === 'changed') {
        journal.publish(result.tasks)
        if (result.schedule.paused !== null) {
          logger.warn(
            { schedule: schedule.id, why: result.schedule.paused.why },
            'a schedule has paused itself',
          )
        }
        if (cancels.length > 0) cancelling.push(cancel(cancels, nameOf(schedule)))
      } else if (result.kind === 'full' && starts.length > 0) {
        full.push(one)
        if (starts.length === 1) logger.warn({ schedule: schedule.id }, 'ticks wait: the queue is full')
      } else lost += 1
    }
    await Promise.all(cancelling)
    return { lost, full }
  }

  /** A schedule whose parameters no longer fit its type pauses itself. */
  #changeOf({ schedule, ticks, starts }: Decision): ScheduleChange {
    const by = nameOf(schedule)
    try {
      const submissions = starts.map(({ tickAt, taskId }) =>
        submissionOfTick(this.#options.submission(schedule, taskId), schedule, tickAt),
      )
      return { schedule, isRedefined: false, ticks, submissions, by }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const { version } = schedule
      const paused = { ...schedulePaused(schedule, by, why, this.#options.store.now()), version }
      return { schedule: paused, isRedefined: false, ticks: [], submissions: [], by }
    }
  }

  async #record(): Promise<void> {
    const outcomes = this.#outcomes.splice(0)
    if (outcomes.length === 0) return
    try {
      for (const id of await this.#options.store.schedules.record(outcomes)) this.#wanted.add(id)
    } catch (error) {
      this.#outcomes.unshift(...outcomes)
      throw error
    }
  }

  /** At the start, and after the clock was set back: ticks that were skipped at once are due again. */
  async #followClock(): Promise<void> {
    const { store, logger } = this.#options
    const now = store.now()
    if (now >= this.#latest - tolerance) {
      this.#latest = Math.max(now, this.#latest)
      return
    }
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: readonly Schedule[] = await store.schedules.list(after, atOnce)
      const changes = page.flatMap((schedule) => {
        const changed = afterClockSetBack(schedule, now)
        return changed === null
          ? []
          : [{ schedule: changed, isRedefined: false, ticks: [], submissions: [], by: nameOf(schedule) }]
      })
      if (changes.length > 0) {
        await store.schedules.change(changes, this.#options.maxQueued)
        logger.info({ schedules: changes.length }, 'the clock was set back: schedules tick from now on')
      }
      after = page.length < atOnce ? undefined : page.at(-1)!.id
    }
    this.#latest = now
  }

  async #prune(): Promise<number> {
    const { store, retention } = this.#options
    const { next, deleted } = await store.schedules.prune(retention, this.#pruneAfter, pruneLimits)
    // A schedule with more than that is looked at again.
    if (deleted >= pruneLimits.ticks) return soon
    this.#pruneAfter = next ?? ''
    return next === null ? pruneEvery : soon * 20
  }
}
