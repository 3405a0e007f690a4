import type { catchUpModes, overlaps } from './schedule-choices.ts'
import { jitterOf, newestTicks, nextTick, type Timing } from './ticks.ts'
import type { Json, Status, Submission, TaskId } from './task.ts'

export type Overlap = (typeof overlaps)[number]

export type CatchUpMode = (typeof catchUpModes)[number]

export type CatchUp = Readonly<{
  mode: CatchUpMode
  /** Milliseconds: ticks that are later are skipped. Null: none is too late. */
  window: number | null
  /** For `all`: how many missed ticks run, the newest ones. */
  max: number
}>

/** Options of the tasks, as of a submit. Durations are seconds or text with units. */
export type ScheduledOptions = Readonly<{
  priority?: number
  timeout?: number | string
  expiresIn?: number | string
  maxAttempts?: number
  backoff?:
    | number
    | string
    | Readonly<{ base?: number | string; factor?: number; max?: number | string; jitter?: number }>
  tags?: readonly string[]
  /** Keys by the names of limits. */
  limits?: Readonly<Record<string, string>>
  fairnessKey?: string
  /** Told of the end of each task. */
  callbackUrl?: string
}>

/** What its author decides. */
export type ScheduleDefinition = Timing &
  Readonly<{
    type: string
    parameters: Json
    options: ScheduledOptions
    /** Milliseconds: each task starts up to this long after its tick. */
    jitter: number
    overlap: Overlap
    catchUp: CatchUp
    /** Failed runs in a row after which the schedule pauses itself. */
    pauseOnFailures: number | null
    description: string | null
  }>

/** `code`: defined in a module of tasks, and kept like it. `api`: made or changed by a person. */
export type ScheduleOrigin = 'api' | 'code'

/** What becomes of it with time. */
export type ScheduleState = Readonly<{
  /** Rises with every write: a write names the version that it is based on. */
  version: number
  origin: ScheduleOrigin
  createdAt: number
  createdBy: string
  updatedAt: number
  paused: Readonly<{ at: number; by: string; why: string | null }> | null
  /** Failures before it do not count. */
  resumedAt: number
  /** The next tick; null while paused, and after the last one. */
  nextAt: number | null
  /** When something must be decided next; null: never. */
  dueAt: number | null
  /** The newest tick that has a task, and that task. */
  lastTickAt: number | null
  lastTaskId: TaskId | null
  /** Ticks that wait for an earlier task to end. */
  buffered: number
  /** Ticks that were skipped at once, because the clock had moved past them. */
  leap: Leap | null
}>

/**
 * Ticks of this range, both included, have a task only if there is a row that says so. If the clock is set back into the range, they
 * are not lost; those after it are, until `resumeAt`.
 */
type Leap = Readonly<{ from: number; to: number; resumeAt: number | null }>

export type Schedule = ScheduleDefinition & ScheduleState & Readonly<{ id: string }>

export const skipReasons = ['overlap', 'catch_up', 'paused'] as const
export type SkipReason = (typeof skipReasons)[number]

/** What became of a tick. */
export type Tick = Readonly<{
  tickAt: number
  /** Null while it waits, and if it was skipped. */
  taskId: TaskId | null
  /** Of its task: the final status is kept when the task is deleted. Null without a task, and if nobody knows. */
  status: Status | null
  skipped: SkipReason | null
  /** While it waits: how it overlaps. */
  waits: Overlap | null
}>

/** A change of a tick. It applies to a tick without a task: a new one, or one that waits. */
export type TickChange = Readonly<{
  tickAt: number
  from: 'new' | 'waiting'
  to: Pick<Tick, 'taskId' | 'skipped' | 'waits'>
}>

export type UnfinishedTask = Readonly<{ id: TaskId; isCancelling: boolean }>

/** A schedule, and what its next decision depends on. */
export type ScheduleView = Readonly<{
  schedule: Schedule
  /** At most `unfinishedSeen`. */
  unfinished: readonly UnfinishedTask[]
  /** The oldest first, at most `waitingSeen`. */
  waiting: readonly Tick[]
  /** The newest first, at most `recentSeen`: with a task, and its status now. */
  recent: readonly Tick[]
}>

export const unfinishedSeen = 100
export const waitingSeen = 100
export const recentSeen = 50

/** Ticks that may wait; more are skipped. */
export const mostWaiting = 10_000

/** Milliseconds after its time until which a tick counts as carried out on time. */
export const lateAfter = 10_000

/** Ticks that one look considers, and rows of skipped ticks that it writes: the newest. */
const ticksAtOnce = 1_000
const skipsKept = 100

/** Milliseconds after which a tick that waits is looked at, even if nobody said that the task before it has ended. */
const lookAgainAfter = 5_000

/** The same, for ticks that wait for room in the queue. */
const lookForRoomAfter = 1_000

export const defaultCatchUp: CatchUp = { mode: 'latest', window: 3_600_000, max: 100 }

/** What to do now. */
export type Decision = Readonly<{
  schedule: Schedule
  ticks: readonly TickChange[]
  /** Ticks that start now, in this order. */
  starts: readonly Readonly<{ tickAt: number; taskId: TaskId }>[]
  /** Tasks to cancel. */
  cancels: readonly TaskId[]
}>

/** A new schedule, from its definition. It ticks after `now`. */
export function scheduleMade(
  definition: ScheduleDefinition & Readonly<{ id: string }>,
  { now, by, origin, paused }: Readonly<{ now: number; by: string; origin: ScheduleOrigin; paused: boolean }>,
): Schedule {
  return placed(
    {
      ...definition,
      version: 1,
      origin,
      createdAt: now,
      createdBy: by,
      updatedAt: now,
      paused: paused ? { at: now, by, why: null } : null,
      resumedAt: now,
      nextAt: null,
      dueAt: null,
      lastTickAt: null,
      lastTaskId: null,
      buffered: 0,
      leap: null,
    },
    nextTick(definition, now),
    null,
  )
}

/** The schedule with another definition. Ticks that are due already stay due, unless its times have changed. */
export function scheduleRedefined(
  schedule: Schedule,
  definition: ScheduleDefinition,
  { now, origin }: Readonly<{ now: number; origin: ScheduleOrigin }>,
): Schedule {
  const changed: Schedule = {
    ...schedule,
    ...definition,
    origin,
    updatedAt: now,
    version: schedule.version + 1,
  }
  if (isSameTiming(schedule, definition)) return placed(changed, schedule.nextAt, waitingSince(schedule, now))
  return placed({ ...changed, leap: null }, nextTick(definition, now), waitingSince(schedule, now))
}

export function schedulePaused(schedule: Schedule, by: string, why: string | null, now: number): Schedule {
  const version = schedule.version + 1
  return { ...schedule, version, paused: { at: now, by, why }, dueAt: null }
}

/** It ticks again after `now`; what it missed meanwhile is skipped. */
export function scheduleResumed(
  schedule: Schedule,
  now: number,
): Readonly<{ schedule: Schedule; ticks: readonly TickChange[] }> {
  const version = schedule.version + 1
  const missed = schedule.nextAt === null ? [] : newestTicks(schedule, schedule.nextAt - 1, now, skipsKept)
  const resumed = { ...schedule, version, paused: null, resumedAt: now }
  const next = schedule.nextAt !== null && schedule.nextAt > now ? schedule.nextAt : nextTick(schedule, now)
  return {
    schedule: placed(resumed, next, waitingSince(schedule, now)),
    ticks: missed.map((tickAt) => ({ tickAt, from: 'new', to: skippedAs('paused') })),
  }
}

/** Ticks of a range that wait to run. */
export function backfilled(
  schedule: Schedule,
  ticks: readonly number[],
  overlap: Overlap,
  now: number,
): Readonly<{ schedule: Schedule; ticks: readonly TickChange[] }> {
  const changes = ticks.map((tickAt): TickChange => ({ tickAt, from: 'new', to: waitingAs(overlap) }))
  const { version, buffered } = schedule
  const changed = { ...schedule, version: version + 1, buffered: buffered + ticks.length }
  return { schedule: { ...changed, dueAt: changed.paused === null ? now : null }, ticks: changes }
}

/** A task now, whatever else runs. Its tick is no whole second, so that it is no other one. */
export function ranNow(
  schedule: Schedule,
  taskId: TaskId,
  now: number,
): Readonly<{ schedule: Schedule; ticks: readonly TickChange[]; tickAt: number }> {
  const after = Math.max(now, Math.floor(schedule.lastTickAt ?? 0) + 1)
  const tickAt = after % 1_000 === 0 ? after + 1 : after
  const changed = { ...schedule, version: schedule.version + 1, lastTickAt: tickAt, lastTaskId: taskId }
  return {
    schedule: changed,
    tickAt,
    ticks: [{ tickAt, from: 'new', to: { taskId, skipped: null, waits: null } }],
  }
}

/** The submission of a task of the schedule. A tick belongs to the task that has its unique key already, if there is one. */
export function submissionOfTick(
  submission: Submission,
  schedule: Pick<Schedule, 'id'>,
  tickAt: number,
): Submission {
  const { unique } = submission
  return {
    ...submission,
    schedule: { id: schedule.id, tickAt },
    ...(unique === undefined ? {} : { unique: { ...unique, onConflict: 'return' } }),
  }
}

/**
 * What to do with a schedule now: pause it after failures, carry out ticks that are due, and start those that waited. Null if there is
 * nothing to do. `room`: how many tasks may start; the other ticks wait.
 */
export function decide(
  view: ScheduleView,
  now: number,
  newId: () => TaskId,
  room = Number.POSITIVE_INFINITY,
): Decision | null {
  const { schedule, unfinished } = view
  const version = schedule.version + 1
  if (schedule.paused !== null) return null
  const failures = failuresOf(view)
  if (schedule.pauseOnFailures !== null && failures >= schedule.pauseOnFailures) {
    const why = failures === 1 ? 'a run failed' : `${failures} runs in a row failed`
    const paused = schedulePaused(schedule, nameOf(schedule), why, now)
    return { schedule: paused, ticks: [], starts: [], cancels: [] }
  }
  const { runs, skips, nextAt, leap } = arrivalsOf(schedule, now)
  const queue = [
    ...view.waiting.map(({ tickAt, waits }) => ({
      tickAt,
      from: 'waiting' as const,
      overlap: waits ?? schedule.overlap,
    })),
    ...runs.map((tickAt) => ({ tickAt, from: 'new' as const, overlap: schedule.overlap })),
  ]
  const unseen = Math.max(0, schedule.buffered - view.waiting.length)
  const settled = withRoom(settleOverlap(queue, unfinished.length > 0, unseen), room)
  const starts = settled.starts.map(({ tickAt, from }) => ({ tickAt, from, taskId: newId() }))
  const ticks: TickChange[] = [
    ...skips.map((tickAt): TickChange => ({ tickAt, from: 'new', to: skippedAs('catch_up') })),
    ...settled.skips.map(({ tickAt, from }): TickChange => ({ tickAt, from, to: skippedAs('overlap') })),
    ...settled.waits
      .filter(({ from }) => from === 'new')
      .map(({ tickAt, overlap }): TickChange => ({ tickAt, from: 'new', to: waitingAs(overlap) })),
    ...starts.map(({ tickAt, from, taskId }): TickChange => ({
      tickAt,
      from,
      to: { taskId, skipped: null, waits: null },
    })),
  ]
  const cancels = settled.cancels
    ? unfinished.filter(({ isCancelling }) => !isCancelling).map(({ id }) => id)
    : []
  const buffered = settled.waits.length + unseen
  const newest = starts.reduce(
    (last, { tickAt }) => Math.max(last, tickAt),
    schedule.lastTickAt ?? Number.NEGATIVE_INFINITY,
  )
  const changed: Schedule = {
    ...schedule,
    version,
    leap,
    buffered,
    lastTickAt: starts.length === 0 ? schedule.lastTickAt : newest,
    lastTaskId: starts.at(-1)?.taskId ?? schedule.lastTaskId,
  }
  const isNext = unseen > 0 && settled.starts.length + settled.skips.length > 0
  const again = settled.isFull ? now + lookForRoomAfter : isNext ? now : now + lookAgainAfter
  const next = placed(changed, nextAt, buffered === 0 ? null : again)
  if (ticks.length === 0 && cancels.length === 0 && next.dueAt === schedule.dueAt) return null
  const started = starts.map(({ tickAt, taskId }) => ({ tickAt, taskId }))
  return { schedule: next, ticks, starts: started, cancels }
}

/**
 * After the clock was set back: a schedule whose ticks had been skipped at once ticks again from now on, unless a tick has its task
 * already. Null if nothing changes.
 */
export function afterClockSetBack(schedule: Schedule, now: number): Schedule | null {
  const { leap, nextAt, paused } = schedule
  if (leap === null || paused !== null || now > leap.to) return null
  const next = nextTick(schedule, Math.max(now - lateAfter, leap.from) - 1)
  if (next === null || next > leap.to || (nextAt !== null && next >= nextAt)) return null
  const resumeAt = leap.resumeAt ?? nextAt
  return placed(
    { ...schedule, version: schedule.version + 1, leap: { ...leap, resumeAt } },
    next,
    waitingSince(schedule, now),
  )
}

type Queued = Readonly<{ tickAt: number; from: TickChange['from']; overlap: Overlap }>

type Settled = ReturnType<typeof settleOverlap>

/** Of the ticks that could start, those for which there is room; the others wait. */
function withRoom(settled: Settled, room: number): Settled & Readonly<{ isFull: boolean }> {
  const { starts, waits, skips } = settled
  if (starts.length <= room) return { ...settled, isFull: false }
  const waiting = [...starts.slice(room), ...waits].toSorted((a, b) => a.tickAt - b.tickAt)
  return {
    ...settled,
    starts: starts.slice(0, room),
    waits: waiting.slice(0, mostWaiting),
    skips: [...skips, ...waiting.slice(mostWaiting)],
    isFull: true,
  }
}

/** `unseen`: more ticks wait than are in the queue; they come after those that wait, and before new ones. */
export function settleOverlap(
  queue: readonly Queued[],
  isBusy: boolean,
  unseen: number,
): Readonly<{
  starts: readonly Queued[]
  waits: readonly Queued[]
  skips: readonly Queued[]
  cancels: boolean
}> {
  const [starts, skips]: [Queued[], Queued[]] = [[], []]
  let waits: Queued[] = []
  let busy = isBusy
  let cancels = false
  for (const tick of queue) {
    const waiting = waits.length + (tick.from === 'new' ? unseen : 0)
    const isFree = !busy && waiting === 0
    if (tick.overlap === 'allow' || isFree) {
      starts.push(tick)
      busy = true
    } else if (
      tick.overlap === 'skip' ||
      (tick.overlap === 'buffer_one' && waiting > 0) ||
      waiting >= mostWaiting
    ) {
      skips.push(tick)
    } else if (tick.overlap === 'cancel_other') {
      skips.push(...waits.filter(({ overlap }) => overlap === 'cancel_other'))
      waits = [...waits.filter(({ overlap }) => overlap !== 'cancel_other'), tick]
      cancels = true
    } else {
      waits.push(tick)
    }
  }
  return { starts, waits, skips, cancels }
}

/** The ticks that are due: which of them run, and which come too late. */
function arrivalsOf(
  schedule: Schedule,
  now: number,
): Readonly<{ runs: readonly number[]; skips: readonly number[] }> & Pick<Schedule, 'nextAt' | 'leap'> {
  const { id, nextAt, jitter } = schedule
  const nothing = { runs: [], skips: [], nextAt, leap: schedule.leap }
  if (nextAt === null || nextAt > now) return nothing
  const passed = newestTicks(schedule, nextAt - 1, now, ticksAtOnce)
  const early = passed.findIndex((tickAt) => tickAt + jitterOf(id, tickAt, jitter) > now)
  const due = early === -1 ? passed : passed.slice(0, early)
  const last = due.at(-1)
  if (last === undefined) return nothing
  const { runs, skips } = caughtUp(due, schedule, now)
  const isLeap = skips.length > 0 || due[0] !== nextAt
  const leap: Leap | null = isLeap
    ? {
        from: nextAt,
        to: Math.max(last, schedule.leap?.to ?? last),
        resumeAt: schedule.leap?.resumeAt ?? null,
      }
    : schedule.leap
  const following = nextTick(schedule, last)
  const isPastLeap = leap !== null && leap.resumeAt !== null && (following === null || following > leap.to)
  if (!isPastLeap) return { runs, skips: skips.slice(-skipsKept), nextAt: following, leap }
  const resumed = following === null ? null : Math.max(following, leap.resumeAt)
  return { runs, skips: skips.slice(-skipsKept), nextAt: resumed, leap: null }
}

/** Of ticks that are due, oldest first: those that run, and those that are skipped. */
export function caughtUp(
  due: readonly number[],
  { catchUp: { mode, window, max }, jitter }: Pick<Schedule, 'catchUp' | 'jitter'>,
  now: number,
): Readonly<{ runs: readonly number[]; skips: readonly number[] }> {
  const isLate = (tickAt: number) => now > tickAt + jitter + lateAfter
  const missed = due.filter(isLate)
  if (missed.length === 0) return { runs: due, skips: [] }
  const onTime = due.filter((tickAt) => !isLate(tickAt))
  const owed = missed.filter((tickAt) => window === null || now - tickAt <= window)
  const runs = {
    skip: onTime,
    latest: [...owed, ...onTime].slice(-1),
    all: [...owed.slice(-max), ...onTime],
  }[mode]
  return { runs, skips: due.filter((tickAt) => !runs.includes(tickAt)) }
}

/** How many of the newest runs that have ended failed in a row. A cancelled run does not count. */
function failuresOf({ schedule, recent }: ScheduleView): number {
  let failures = 0
  for (const { tickAt, status } of recent) {
    if (tickAt < schedule.resumedAt || status === 'completed') break
    if (status === 'failed') failures += 1
  }
  return failures
}

/** `lookAt`: when to look at ticks that wait; null without any. */
function placed(schedule: Schedule, nextAt: number | null, lookAt: number | null): Schedule {
  const tickAt = nextAt === null ? null : nextAt + jitterOf(schedule.id, nextAt, schedule.jitter)
  const dueAt = tickAt === null || lookAt === null ? (tickAt ?? lookAt) : Math.min(tickAt, lookAt)
  return { ...schedule, nextAt, dueAt: schedule.paused === null ? dueAt : null }
}

function waitingSince({ buffered }: Schedule, now: number): number | null {
  return buffered > 0 ? now : null
}

function isSameTiming(a: Timing, b: Timing): boolean {
  const key = ({ cron, every, offset, timezone, from, until }: Timing) =>
    JSON.stringify([cron, every, offset, timezone, from, until])
  return key(a) === key(b)
}

const skippedAs = (skipped: SkipReason) => ({ taskId: null, skipped, waits: null })
const waitingAs = (waits: Overlap) => ({ taskId: null, skipped: null, waits })

/** What the author of a schedule chooses; excludes its state. */
export function definitionOf(schedule: ScheduleDefinition): ScheduleDefinition {
  const { type, parameters, options, cron, every, offset, timezone, from, until } = schedule
  const { jitter, overlap, catchUp, pauseOnFailures, description } = schedule
  const timing = { cron, every, offset, timezone, from, until }
  return { type, parameters, options, ...timing, jitter, overlap, catchUp, pauseOnFailures, description }
}

/** What became of it. */
export function stateOf(schedule: ScheduleState): ScheduleState {
  const { version, origin, createdAt, createdBy, updatedAt, paused, resumedAt } = schedule
  const { nextAt, dueAt, lastTickAt, lastTaskId, buffered, leap } = schedule
  const made = { version, origin, createdAt, createdBy, updatedAt, paused, resumedAt }
  return { ...made, nextAt, dueAt, lastTickAt, lastTaskId, buffered, leap }
}

/** Its name as the caller of its tasks. */
export function nameOf({ id }: Pick<Schedule, 'id'>): string {
  return `schedule ${id}`
}
