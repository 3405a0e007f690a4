import type { Awaits } from './awaits.ts'
import { parentEndedReason } from './child.ts'
import {
  decisiveEnd,
  decisiveFailure,
  endReason,
  failureOf,
  failureReason,
  holdsBack,
  type Ended,
} from './dependency.ts'
import { renewedExpiry, expiryOnceResumed } from './expiry.ts'
import { fingerprinted } from './fingerprint.ts'
import { startingFrom } from './sleep.ts'
import { allows, controlEvents, mayRequest, standing, type EventName } from './lifecycle.ts'
import type { Settlement, SettleVerdict } from './outcome.ts'
import {
  isActive,
  isAsleep,
  isSuspect,
  isTerminal,
  type NodeId,
  type Control,
  type ErrorRecord,
  type Status,
  type Submission,
  type Task,
  type TaskId,
  type TimelineEntry,
  type Parent,
} from './task.ts'
import { clip } from './text.ts'
import type { UniqueKey } from './unique-options.ts'
import { replacedBy, retakesKey } from './unique.ts'

/**
 * The lifecycle as pure functions: from a task to a move. Stores write what these return and decide nothing themselves. A
 * refusal is a value.
 */

/**
 * One transition of one task: the row before (null for a submit, or if only the outcome of a commit in doubt is known), the
 * row after, and the timeline entry.
 */
export type Move = Readonly<{ before: Task | null; task: Task; entry: TimelineEntry }>

/** What a transition may use besides the task. */
export type TransitionContext = Readonly<{
  now: number
  /** A new queue position; called at most once, for transitions to `queued`. */
  nextQueuePosition: () => number
  /** Milliseconds since that time, if a clock knows by how much the wall clock was set in the meantime. */
  elapsed?: (since: number) => number
}>

export type SubmitContext = TransitionContext &
  Readonly<{
    by: string
    /** Predecessors that it must wait for. Default 0. */
    missing?: number
  }>

export function submitted(
  submission: Submission,
  { now, nextQueuePosition, by, missing = 0 }: SubmitContext,
): Move {
  const runAt = submission.delay === null ? submission.runAt : now + submission.delay
  const due = runAt === null || runAt <= now
  const status: Status = missing > 0 ? 'waiting' : due ? 'queued' : 'scheduled'
  const task: Task = {
    id: submission.id,
    type: submission.type,
    status,
    priority: submission.priority,
    queuePosition: status === 'queued' ? nextQueuePosition() : 0,
    version: 1,
    fence: 0,
    attempt: 0,
    attemptOpen: false,
    maxAttempts: submission.maxAttempts,
    failures: 0,
    crashes: 0,
    timeout: submission.timeout,
    backoff: submission.backoff,
    tags: submission.tags,
    idempotencyKey: submission.idempotencyKey,
    requestHash: submission.requestHash,
    createdBy: by,
    trace: submission.trace,
    scheduleId: submission.schedule?.id ?? null,
    tickAt: submission.schedule?.tickAt ?? null,
    parent: parentOf(submission),
    unique: keyOf(submission),
    admission: submission.admission ?? null,
    expiresIn: submission.expiresIn ?? null,
    expiresAt: submission.expiresIn === undefined ? null : now + submission.expiresIn,
    callback: submission.callback ?? null,
    preemption: null,
    ownerNode: null,
    requestedControl: null,
    createdAt: now,
    runAt,
    delay: submission.delay,
    startedAt: null,
    completedAt: null,
    statusSince: now,
    savedAt: null,
    activeMs: 0,
    attemptBaseMs: 0,
    queuedMs: 0,
    pausedMs: 0,
    progress: null,
    error: null,
    endedBy: null,
    missing,
    sleeps: null,
    news: 0,
    awaits: null,
  }
  return { before: null, task, entry: { version: 1, at: now, event: 'submitted', status, attempt: 0, by } }
}

function parentOf({ parent }: Submission): Parent | null {
  if (parent === undefined) return null
  const { id, name, occurrence, depth, onEnd } = parent
  return { id, name, occurrence, depth, onEnd }
}

/** Without what only the submit needs. */
function keyOf({ unique }: Submission): UniqueKey | null {
  if (unique === undefined) return null
  const { key, while: span, for: lasts, debounced } = unique
  return { key, while: span, for: lasts, ...(debounced === undefined ? {} : { debounced }) }
}

/** It did not start in time. Only for tasks that are `isExpired`. */
export function expired(task: Task, context: TransitionContext): Move {
  return move(task, 'expired', 'cancelled', context, 'expirer', {
    completedAt: context.now,
    attemptOpen: false,
    endedBy: 'expired',
    missing: 0,
  })
}

/** Only for tasks that are due: scheduled ones, and those that sleep. */
export function promoted(task: Task, context: TransitionContext): Move {
  return move(task, isAsleep(task) ? 'woken' : 'due', 'queued', context, 'promoter')
}

/**
 * Predecessors have ended, its parent, or children for which its handler waits. A move, or the row with a smaller count; null if that
 * changes nothing: it was cancelled, and perhaps retried, or waits for more children. `isLast`: it waits for no others.
 */
export function predecessorsEnded(
  task: Task,
  all: readonly Ended[],
  isLast: boolean,
  context: TransitionContext,
): Move | Task | null {
  const parent = all.find(({ onFailure }) => onFailure === 'stop_child')
  const stopped = parent === undefined ? null : parentEnded(task, parent, context)
  if (stopped !== null) return stopped
  const child = isTerminal(task.status) ? undefined : decisiveEnd(all, isLast)
  if (child !== undefined)
    return informed(task, context, { event: 'children_ended', by: 'releaser', why: endReason(child) })
  const ended = all.filter(holdsBack)
  if (task.missing === 0 || ended.length === 0) return null
  const failure = decisiveFailure(ended)
  if (failure !== undefined) {
    const end = { missing: 0, completedAt: context.now }
    return failure.onFailure === 'cancel'
      ? move(task, 'cancelled', 'cancelled', context, 'releaser', end, failureReason(failure))
      : move(task, 'failed', 'failed', context, 'releaser', { ...end, error: failureOf(failure) })
  }
  const missing = Math.max(0, task.missing - ended.length)
  if (missing > 0 || task.status !== 'waiting') return { ...task, missing }
  return move(task, 'ready', statusOnceReady(task, context), context, 'releaser', { missing })
}

/** Cancels a child, as a caller would; null if it has ended, or stops already. */
function parentEnded(task: Task, { predecessor, status }: Ended, context: TransitionContext): Move | null {
  const why = parentEndedReason(predecessor, status)
  const answer = controlled(task, 'cancel', { ...context, by: 'releaser', why, codeAlive: false })
  return answer.kind === 'moved' ? answer.move : null
}

/** An attempt that has begun sleeps; any other waits for its due time. */
function statusOnceReady(task: Task, { now }: Pick<TransitionContext, 'now'>): Status {
  if (isAsleepOnceResumed(task, now)) return 'waiting'
  return task.runAt === null || task.runAt <= now || task.awaits !== null ? 'queued' : 'scheduled'
}

/** Whether the handler of a paused task still waits. */
export function isAsleepOnceResumed(task: Task, now: number): boolean {
  const { runAt, attemptOpen, sleeps, awaits } = task
  if (!attemptOpen || sleeps === null || (runAt !== null && runAt <= now)) return false
  return awaits === null ? runAt !== null : !hasUnseenNews(task, awaits)
}

function hasUnseenNews({ news }: Task, { seen }: Awaits): boolean {
  return news > seen
}

/**
 * Something has happened for which its handler may wait: one that waits for it is queued, and one that is about to does not fall asleep.
 * Not for tasks that have ended.
 */
export function informed(
  task: Task,
  context: TransitionContext,
  { event, by, why }: Readonly<{ event: 'answered' | 'children_ended'; by: string; why?: string }>,
): Move {
  const news = { news: task.news + 1 }
  if (task.status !== 'waiting' || task.awaits === null)
    return move(task, event, task.status, context, by, news, why)
  return move(task, event, 'queued', context, by, { ...news, ...wokenAt(task, context.now) }, why)
}

/** The time has come before its `runAt`, and stays over if the wall clock is set back. */
function wokenAt(task: Task, now: number): Partial<Task> {
  return { runAt: now, delay: 0, sleeps: startingFrom(now, task) }
}

export function claimed(task: Task, node: NodeId, context: TransitionContext): Move {
  const fresh = !task.attemptOpen
  return move(task, 'claimed', 'running', context, node, {
    fence: task.fence + 1,
    attempt: fresh ? task.attempt + 1 : task.attempt,
    attemptOpen: true,
    attemptBaseMs: fresh ? task.activeMs : task.attemptBaseMs,
    ownerNode: node,
    startedAt: task.startedAt ?? context.now,
    expiresAt: null,
    savedAt: null,
  })
}

export type Controlled =
  | Readonly<{ kind: 'moved'; move: Move }>
  /** The same control is already in effect: success without effect. */
  | Readonly<{ kind: 'stands' }>
  | Readonly<{ kind: 'refused'; why?: string }>
  /** The task would need its unique key again, which this task has. */
  | Readonly<{ kind: 'taken'; by: TaskId }>

export type ControlContext = TransitionContext &
  Readonly<{
    by: string
    /** The reason that the caller gave. */
    why?: string | undefined
    codeAlive: boolean
    /** The task that has its unique key. */
    keyHolder?: TaskId | undefined
    fromStart?: boolean | undefined
  }>

/**
 * `codeAlive`: fenced-off code of an earlier run has not returned yet. `fromStart`: the retry discards the checkpoint, and
 * with it the progress.
 */
export function controlled(task: Task, control: Control, context: ControlContext): Controlled {
  // A cancelled task stays cancelled, no matter who requested it; other states may have other causes.
  const isRequested = task.requestedControl === control || control === 'cancel'
  if (isRequested && (standing[control] as readonly Status[]).includes(task.status)) return { kind: 'stands' }
  const name = controlEvents[control].find((candidate) => mayTake(candidate, task))
  if (name === undefined) return { kind: 'refused' }
  if (control === 'retry' && context.codeAlive) {
    return { kind: 'refused', why: 'the code of its previous run has not stopped yet' }
  }
  if (control === 'retry' && context.keyHolder !== undefined && retakesKey(task)) {
    return { kind: 'taken', by: context.keyHolder }
  }
  const requestedControl = { requestedControl: control }
  const moved = (to: Status, changes: Partial<Task>): Controlled => ({
    kind: 'moved',
    move: move(task, name, to, context, context.by, { ...requestedControl, ...changes }, context.why),
  })
  switch (name) {
    case 'paused':
      return moved('paused', {})
    case 'pause_requested':
      return moved('pausing', {})
    case 'pause_withdrawn':
      return moved('running', {})
    case 'resumed': {
      const to = task.missing > 0 ? 'waiting' : statusOnceReady(task, context)
      return moved(to, {
        expiresAt: expiryOnceResumed(task, context.now),
        ...(to === 'queued' && task.awaits !== null && !isDue(task, context)
          ? wokenAt(task, context.now)
          : {}),
      })
    }
    case 'cancelled':
      return moved('cancelled', { completedAt: context.now, attemptOpen: false, endedBy: null, missing: 0 })
    case 'cancel_requested':
      return moved('cancelling', {})
    case 'retried':
      return moved('queued', {
        fence: task.fence + 1,
        attemptOpen: false,
        failures: 0,
        crashes: 0,
        runAt: null,
        delay: null,
        expiresAt: renewedExpiry(task, context.now),
        preemption: null,
        completedAt: null,
        error: null,
        endedBy: null,
        ...(context.fromStart === true ? { progress: null, sleeps: null } : {}),
      })
  }
}

/** A submit has given it newer parameters. Only for tasks that have not started. */
export function debounced(task: Task, { delay, unique }: Submission, context: SubmitContext): Move {
  const { now, elapsed, by } = context
  const waited = elapsed?.(task.createdAt) ?? Math.max(0, now - task.createdAt)
  const left = Math.min(delay ?? 0, Math.max(0, (unique?.max ?? Number.POSITIVE_INFINITY) - waited))
  // In the queue it waits no longer: it keeps its place.
  const later = task.status === 'queued' ? {} : { runAt: now + left, delay: left }
  return move(task, 'debounced', task.status, context, by, { ...later, expiresAt: renewedExpiry(task, now) })
}

/** A submit has its unique key from now on. Only for tasks that are `isReplaceable`. */
export function replaced(task: Task, by: TaskId, context: SubmitContext): Move {
  const ended = {
    requestedControl: 'cancel',
    completedAt: context.now,
    attemptOpen: false,
    endedBy: null,
    missing: 0,
  } as const
  return move(task, 'cancelled', 'cancelled', context, context.by, ended, replacedBy(by))
}

/** A task whose code is alive, running or parked, must be stopped by its node; without live code it ends immediately. */
function mayTake(name: EventName, task: Task): boolean {
  if (!mayRequest(name, task.status)) return false
  if (name === 'cancelled') return task.ownerNode === null
  if (name === 'cancel_requested') return task.ownerNode !== null
  return true
}

export type Settled =
  | Readonly<{ verdict: 'settled'; move: Move }>
  | Readonly<{ verdict: Exclude<SettleVerdict, 'settled'> }>

export function settled(
  task: Task,
  settlement: Settlement,
  node: NodeId,
  context: TransitionContext,
): Settled {
  const { outcome } = settlement
  if (task.fence !== settlement.fence || task.ownerNode !== node) return { verdict: 'superseded' }
  if (!isActive(task.status) && !mayReportParked(task, settlement)) return { verdict: 'superseded' }
  const ran: Partial<Task> = {
    activeMs: Math.max(task.activeMs, Math.round(settlement.activeMs ?? activeAt(task, context))),
    ...(settlement.checkpoint === undefined ? {} : { crashes: 0, sleeps: null }),
    ...(settlement.progress === undefined ? {} : { progress: settlement.progress }),
    ...(settlement.fencedOff === true ? { fence: task.fence + 1 } : {}),
  }
  const done = (name: EventName, to: Status, changes: Partial<Task>, why?: string): Settled => ({
    verdict: 'settled',
    move: move(task, name, to, context, node, { ownerNode: null, ...ran, ...changes }, why),
  })
  const ended = { completedAt: context.now, attemptOpen: false }

  switch (outcome.kind) {
    case 'completed':
      return done('completed', 'completed', { ...ended, error: null, endedBy: null })
    case 'cancelled':
      return task.status === 'cancelling'
        ? done('cancelled', 'cancelled', { ...ended, endedBy: outcome.endedBy })
        : { verdict: 'stale' }
    case 'paused':
      return task.status === 'pausing' && task.version === outcome.controlVersion
        ? done('paused', 'paused', { ownerNode: node })
        : { verdict: 'stale' }
    case 'sleeping': {
      const { until, delay, sleeps, awaits, gone = false } = outcome
      if (task.status === 'cancelling' || (awaits !== null && hasUnseenNews(task, awaits))) {
        if (!gone) return { verdict: 'stale' }
        // There is no code that could look again: its next run does.
        const why = 'what it waits for has come'
        const released = { kind: 'released', why, atPausePoint: true } as const
        return settled(task, { ...settlement, outcome: released }, node, context)
      }
      // The wall clock may have been set back since it began.
      const runAt = until === null ? null : Math.min(until, context.now + (delay ?? 0))
      const asleep = { ownerNode: gone ? null : node, runAt, delay, sleeps, awaits, crashes: 0 }
      return task.status === 'pausing'
        ? done('paused', 'paused', asleep)
        : done(awaits === null ? 'sleep_started' : 'wait_started', 'waiting', asleep)
    }
    case 'awake':
      if (!isAsleep(task)) return { verdict: 'stale' }
      return done('woken', 'queued', {
        ownerNode: node,
        activeMs: task.activeMs,
        ...wokenAt(task, context.now),
      })
    case 'released':
      if (task.status === 'cancelling') {
        return done('cancelled', 'cancelled', { ...ended, endedBy: 'cooperative' }, outcome.why)
      }
      if (task.status === 'pausing') {
        return outcome.atPausePoint === true
          ? done('paused', 'paused', {})
          : done('released', 'paused', {}, outcome.why)
      }
      return done('released', 'queued', {}, outcome.why)
    case 'fenced':
      return done(
        'fence_raised',
        task.status,
        // The task stays active: its time counts when that ends.
        { ownerNode: node, fence: task.fence + 1, activeMs: task.activeMs },
        'its code is being killed',
      )
    case 'lost': {
      const { why, poisonLimit } = outcome
      const crashes = (ran.crashes ?? task.crashes) + 1
      const loss = { by: node, why, poisonLimit, crashes, changes: ran }
      return { verdict: 'settled', move: lostRun(task, context, loss) }
    }
    case 'failed': {
      if (task.status === 'cancelling') {
        return done('cancelled', 'cancelled', { ...ended, endedBy: outcome.endedBy ?? 'cooperative' })
      }
      const failure = { failures: task.failures + 1, error: outcome.error, attemptOpen: false }
      if (outcome.retryIn === null) {
        return done('failed', 'failed', { ...ended, ...failure, endedBy: outcome.endedBy ?? null })
      }
      const later = { ...failure, runAt: context.now + outcome.retryIn, delay: outcome.retryIn }
      if (task.status === 'pausing') return done('retry_scheduled', 'paused', later)
      return outcome.retryIn > 0
        ? done('retry_scheduled', 'scheduled', later)
        : done('retry_scheduled', 'queued', later)
    }
  }
}

/** What code that is parked may report: that it has finished, or that it does not sleep any more. */
function mayReportParked(task: Task, { outcome }: Settlement): boolean {
  if (outcome.kind === 'completed') return task.status === 'paused' || isAsleep(task)
  return outcome.kind === 'awake' && isAsleep(task)
}

/** Active time of an active task, by the clock of its store. */
function activeAt({ activeMs, statusSince }: Task, { now, elapsed }: TransitionContext): number {
  return activeMs + (elapsed?.(statusSince) ?? Math.max(0, now - statusSince))
}

export const poisonLimit = 3

/** The node of this task is dead. Null if the loss changes nothing. */
export function lost(
  task: Task,
  context: TransitionContext & Readonly<{ poisonLimit: number }>,
): Move | null {
  if (task.ownerNode === null) return null
  if (isActive(task.status)) {
    return lostRun(task, context, {
      by: 'reaper',
      why: 'the node that ran it has died',
      poisonLimit: context.poisonLimit,
      crashes: task.crashes + 1,
      changes: {
        activeMs: task.activeMs + Math.max(0, (task.savedAt ?? task.statusSince) - task.statusSince),
      },
    })
  }
  if (!allows('park_lost', task.status, task.status)) return null
  const why = 'the node that parked it has died; it continues from its checkpoint'
  return move(
    task,
    'park_lost',
    task.status,
    context,
    'reaper',
    { fence: task.fence + 1, ownerNode: null },
    why,
  )
}

type Loss = Readonly<{
  by: string
  why: string
  poisonLimit: number
  crashes: number
  changes: Partial<Task>
}>

/** The code of an active task died without reporting anything. The requested control remains in effect. */
function lostRun(
  task: Task,
  context: TransitionContext,
  { by, why, poisonLimit, crashes, changes }: Loss,
): Move {
  const fenced = { ...changes, fence: task.fence + 1, ownerNode: null, attemptOpen: false }
  const ended = { ...fenced, completedAt: context.now, endedBy: 'killed' } as const
  if (task.status === 'cancelling') return move(task, 'lost', 'cancelled', context, by, ended, why)
  if (task.status === 'pausing') {
    return move(task, 'lost', 'paused', context, by, { ...fenced, crashes }, why)
  }
  if (!isPoison(task, crashes, poisonLimit)) {
    return move(task, 'lost', 'queued', context, by, { ...fenced, crashes }, why)
  }
  const error: ErrorRecord = {
    code: 'POISON',
    name: 'Poison',
    message: `Its node or process died ${crashes} times while running it, without a new checkpoint in between and finally with no other suspect on the node.`,
  }
  return move(task, 'lost', 'failed', context, by, { ...ended, crashes, error }, why)
}

/**
 * A task that ran beside others is not blamed for a shared loss: only a suspect is, since it runs as the only one on its
 * node. A limit of 0 means that no loss may be repeated, whatever caused it.
 */
function isPoison(task: Task, crashes: number, poisonLimit: number): boolean {
  return crashes > poisonLimit && (poisonLimit === 0 || isSuspect(task))
}

/**
 * The parked copy is gone; the next run starts from the checkpoint. A cancel that waited for the copy takes effect. Null if
 * another run took over.
 */
export function unparked(task: Task, node: NodeId, why: string, context: TransitionContext): Move | null {
  if (task.ownerNode !== node) return null
  if (task.status === 'cancelling') {
    const ended = { ownerNode: null, completedAt: context.now, attemptOpen: false, endedBy: null }
    return move(task, 'cancelled', 'cancelled', context, node, ended, why)
  }
  if (!allows('unparked', task.status, task.status)) return null
  return move(task, 'unparked', task.status, context, node, { ownerNode: null }, why)
}

/** Maximum length of an error message in the timeline. */
export const briefMessage = 300

/** An error for the timeline, shortened: the row, of which there is one, keeps all of it, while a timeline has many entries. */
function briefly({ code, name, message, brief }: ErrorRecord): ErrorRecord {
  return { code, name, message: brief ?? clip(message, briefMessage) }
}

function move(
  task: Task,
  name: EventName,
  to: Status,
  { now, nextQueuePosition, elapsed }: TransitionContext,
  by: string,
  changes: Partial<Task> = {},
  why?: string,
): Move {
  if (!allows(name, task.status, to)) {
    throw new Error(`the lifecycle has no such row: ${name} from ${task.status} to ${to}`)
  }
  const spent = elapsed?.(task.statusSince) ?? Math.max(0, now - task.statusSince)
  const version = task.version + 1
  const next: Task = {
    ...task,
    ...(task.status === 'queued' && to !== 'queued' ? { queuedMs: task.queuedMs + spent } : {}),
    ...(task.status === 'paused' && to !== 'paused' ? { pausedMs: task.pausedMs + spent } : {}),
    // Its delay had ended, even if the wall clock was set back since: a resume must not wait for it again.
    ...(to === 'paused' && (task.status === 'queued' || isActive(task.status)) && isDelayedBeyond(task, now)
      ? { runAt: now }
      : {}),
    ...(task.awaits !== null && to !== 'waiting' && to !== 'paused' ? { awaits: null } : {}),
    ...changes,
    ...(changes.error == null ? {} : { error: fingerprinted(changes.error) }),
    ...(to === 'queued' && task.status !== 'queued' ? { queuePosition: nextQueuePosition() } : {}),
    status: to,
    version,
    statusSince: to === task.status || (isActive(task.status) && isActive(to)) ? task.statusSince : now,
  }
  return {
    before: task,
    task: next,
    entry: {
      version,
      at: now,
      event: name,
      status: to,
      attempt: next.attempt,
      by,
      ...(why === undefined ? {} : { why }),
      ...(changes.error == null ? {} : { error: briefly(changes.error) }),
      ...(isTerminal(to) && next.endedBy !== null ? { endedBy: next.endedBy } : {}),
    },
  }
}

function isDue({ runAt }: Task, { now }: Pick<TransitionContext, 'now'>): boolean {
  return runAt !== null && runAt <= now
}

function isDelayedBeyond({ delay, runAt }: Task, now: number): boolean {
  return delay !== null && runAt !== null && runAt > now
}
