import type { Spawned, SpawnRequest } from '../core/child.ts'
import { traceField } from '../core/trace-context.ts'
import { sleep } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Settlement, SettleVerdict } from '../core/outcome.ts'
import { isActive, type Fence, type NodeId, type Task, type TaskId } from '../core/task.ts'
import type { Copy, Save, StepPage, StepQuery } from '../store/store.ts'
import type { ChildState } from '../core/join.ts'
import type { StoredOutcome, Watched, WatchRequest } from '../store/join-store.ts'
import type { Reached, ReachRequest } from '../store/wait-store.ts'
import { publishNewest } from '../journal/newest.ts'
import type { AttemptServices } from './services.ts'

/** Milliseconds between attempts while the store is unavailable. */
const firstPause = 100
const longestPause = 2_000

/** The store's verdict on an outcome, and the current row; null if the task is gone. */
export type Recorded = Readonly<{ verdict: SettleVerdict; task: Task | null }>

/**
 * Writes how a run ended and publishes it. Retries while the store is unavailable: the code has stopped, and its outcome
 * must not be lost. Undefined if it could not be written before the node closed, or was rejected for good.
 */
export async function record(
  services: AttemptServices,
  settlement: Settlement,
): Promise<Recorded | undefined> {
  try {
    const written = await persist(services, settlement.id, () =>
      services.store.settle(services.tenant.node, [settlement]),
    )
    const answer = written?.answer[0]
    if (written === undefined || answer === undefined) return undefined
    if (answer.verdict === 'settled') {
      logFailure(services, answer.task, settlement)
      services.journal.publish([answer])
    } else if (written.inDoubt) {
      await publishNewest(services, settlement.id)
      if (isRecorded(answer.task, settlement, services.tenant.node)) return { ...answer, verdict: 'settled' }
    }
    return answer
  } catch (error) {
    return await refused(services, settlement, error)
  }
}

const refusal = 'OUTCOME_REFUSED'

/** Logs the reason for the operator, with the stacks of the error and its causes; during a flood of one type, only a part. */
function logFailure(
  services: AttemptServices,
  { id, type, attempt, status, error, trace }: Task,
  { outcome }: Settlement,
): void {
  if (outcome.kind !== 'failed' || error === null) return
  const leftOut = services.failures.pass(type, services.clock.monotonic())
  if (leftOut === undefined) return
  const fields = {
    task: id,
    type,
    attempt,
    status,
    ...traceField(trace),
    err: error,
    ...(leftOut === 0 ? {} : { unsaid: leftOut }),
  }
  if (status === 'failed') services.logger.error(fields, 'task failed')
  else services.logger.warn(fields, 'attempt failed; a retry is scheduled')
}

/** False if the task is not active with this fence. A retry after a newer checkpoint was stored writes nothing. */
export async function recordCheckpoint(
  services: AttemptServices,
  save: Save,
  outdated: () => boolean,
): Promise<boolean> {
  const write = async () => (outdated() ? [true] : services.store.save(services.tenant.node, [save]))
  const written = await persist(services, save.id, write)
  return written?.answer[0] === true
}

/** False if the task is not active with this fence. */
export async function recordSteps(services: AttemptServices, save: Save): Promise<boolean> {
  const write = () => services.store.save(services.tenant.node, [save])
  return (await persist(services, save.id, write))?.answer[0] === true
}

/** Undefined if the store could not answer before the node closed; null if the task is not active with this fence. */
export async function recordChildren(
  services: AttemptServices,
  parent: Task,
  fence: Fence,
  request: SpawnRequest,
): Promise<Spawned | null | undefined> {
  return (await persist(services, parent.id, () => services.children.spawn(parent, fence, request)))?.answer
}

/** Undefined if the store could not answer before the node closed; null if the task is not active with this fence. */
export async function reachWait(
  services: AttemptServices,
  request: ReachRequest,
): Promise<Reached | 'full' | null | undefined> {
  const write = () => services.store.waits.reach(services.tenant.node, request)
  return (await persist(services, request.id, write))?.answer
}

/** Undefined if the store could not answer before the node closed. */
export async function childStates(
  services: AttemptServices,
  parent: TaskId,
  children: readonly TaskId[],
): Promise<readonly ChildState[] | undefined> {
  const look = () => services.store.joins.states(parent, children)
  return (await persist(services, parent, look))?.answer
}

/** Undefined if the store could not answer before the node closed; null if the task is not active with this fence. */
export async function watchChildren(
  services: AttemptServices,
  request: WatchRequest,
): Promise<Watched | null | undefined> {
  const write = () => services.store.joins.watch(services.tenant.node, request)
  return (await persist(services, request.id, write))?.answer
}

/** Undefined if the store could not answer before the node closed. */
export async function childOutcomes(
  services: AttemptServices,
  parent: TaskId,
  children: readonly TaskId[],
  bytes: number,
): Promise<readonly StoredOutcome[] | undefined> {
  const look = () => services.store.joins.outcomes(parent, children, bytes)
  return (await persist(services, parent, look))?.answer
}

/** Undefined if the store could not answer before the node closed; null for an unknown task. */
export async function storedSteps(
  services: AttemptServices,
  id: TaskId,
  query: StepQuery,
): Promise<StepPage | null | undefined> {
  return (await persist(services, id, () => services.store.steps(id, query)))?.answer
}

/** The suspended copy is gone: until the row says so, a cancel waits for it. */
export async function recordUnparked(services: AttemptServices, copy: Copy): Promise<void> {
  try {
    const written = await persist(services, copy.id, () =>
      services.store.unpark(services.tenant.node, [copy]),
    )
    services.journal.publish(written?.answer ?? [])
    if (written?.inDoubt === true && written.answer.length === 0) await publishNewest(services, copy.id)
  } catch (error) {
    services.logger.error({ err: error, task: copy.id }, 'could not record the end of a parked handler')
  }
}

/** Fenced-off code has returned: until this is recorded, its place under the limit of the type is taken. */
export async function recordSlotReleased(services: AttemptServices, copy: Copy): Promise<void> {
  try {
    await persist(services, copy.id, () => services.store.releaseSlots(services.tenant.node, [copy]))
  } catch (error) {
    services.logger.error({ err: error, task: copy.id }, 'could not record the end of fenced-off code')
  }
}

/** `inDoubt`: an earlier attempt failed in a way that may have recorded it. */
type Written<T> = Readonly<{ answer: T; inDoubt: boolean }>

/**
 * Retries until the store responds; undefined if the node closed first. Throws errors that are not caused by an unavailable
 * store.
 */
async function persist<T>(
  services: AttemptServices,
  task: TaskId,
  write: () => Promise<T>,
): Promise<Written<T> | undefined> {
  let inDoubt = false
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    try {
      return { answer: await write(), inDoubt }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      inDoubt ||= error.unknown
      if (services.closed.aborted) return undefined
      services.logger.warn({ err: error, task }, 'the database is unavailable; retrying')
      await sleep(services.clock, pause)
    }
  }
}

/**
 * A settlement was recorded by an earlier attempt: the row shows it, since only this run could have caused it. This is for code that lives
 * on, and for a suspended handler that has returned: it stays in memory until it knows.
 */
function isRecorded(task: Task | null, { outcome, fence }: Settlement, node: NodeId): boolean {
  if (task === null) return false
  if (outcome.kind === 'completed') return task.status === 'completed' && task.fence === fence
  if (task.ownerNode !== node) return false
  if (outcome.kind === 'paused' || outcome.kind === 'sleeping')
    return task.fence === fence && !isActive(task.status)
  return outcome.kind === 'fenced' && task.fence === fence + 1 && isActive(task.status)
}

/**
 * The store rejects this very outcome: the task fails, rather than run forever. Nothing that the run reported is included,
 * so nothing is left to reject. Code that lives on is told that it no longer owns its task.
 */
async function refused(
  services: AttemptServices,
  settlement: Settlement,
  cause: unknown,
): Promise<Recorded | undefined> {
  const { id, fence, activeMs, outcome, fencedOff = false } = settlement
  services.logger.error({ err: cause, task: id }, 'the database rejected the outcome of a run')
  if (outcome.kind === 'failed' && outcome.error.code === refusal) return undefined
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `The database rejected the outcome of the run: ${reason.slice(0, 500)}`
  const answer = await record(services, {
    id,
    fence,
    activeMs: Number.isFinite(activeMs) ? activeMs : 0,
    outcome: {
      kind: 'failed',
      error: { code: refusal, name: 'OutcomeRefused', message },
      retryIn: null,
      ...('endedBy' in outcome && outcome.endedBy !== undefined ? { endedBy: outcome.endedBy } : {}),
    },
    ...(fencedOff ? { fencedOff } : {}),
  })
  const livesOn = outcome.kind === 'paused' || outcome.kind === 'sleeping' || outcome.kind === 'fenced'
  return livesOn && answer !== undefined ? { ...answer, verdict: 'superseded' } : answer
}
