import { sleep } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Settlement } from '../core/outcome.ts'
import { isActive, type NodeId, type Task, type TaskId } from '../core/task.ts'
import type { Copy, Save, Settled } from '../store/store.ts'
import type { AttemptServices } from './services.ts'

/** Milliseconds between tries while the store is away. */
const firstPause = 100
const longestPause = 2_000

/**
 * Writes how a run ended and tells the node. While the store is away it is tried again: the code has stopped, and its
 * outcome must not be lost. Undefined when it could not be written before the node closed, or was refused for good.
 */
export async function record(node: AttemptServices, settlement: Settlement): Promise<Settled | undefined> {
  try {
    const written = await persist(node, settlement.id, () => node.store.settle(node.node, [settlement]))
    const answer = written?.answer[0]
    if (written === undefined || answer === undefined) return undefined
    if (answer.verdict === 'settled') {
      if (answer.task !== null && answer.entry !== null) {
        logFailure(node, answer.task, settlement)
        node.committed(answer.task, answer.entry)
      }
    } else if (written.inDoubt) {
      await tellNewest(node, settlement.id)
      if (isRecorded(answer.task, settlement, node.node)) return { ...answer, verdict: 'settled' }
    }
    return answer
  } catch (error) {
    return await refused(node, settlement, error)
  }
}

const refusal = 'OUTCOME_REFUSED'

/** The operator reads why, with the stacks of the error and its causes; a flood of one type is said in part. */
function logFailure(
  node: AttemptServices,
  { id, type, attempt, status, error }: Task,
  { outcome }: Settlement,
): void {
  if (outcome.kind !== 'failed' || error === null) return
  const leftOut = node.failures.pass(type, node.clock.monotonic())
  if (leftOut === undefined) return
  const fields = {
    task: id,
    type,
    attempt,
    status,
    err: error,
    ...(leftOut === 0 ? {} : { unsaid: leftOut }),
  }
  if (status === 'failed') node.logger.error(fields, 'task failed')
  else node.logger.warn(fields, 'attempt failed; a retry is scheduled')
}

/** False when the task is not active with this fence. A try after a newer checkpoint was stored writes nothing. */
export async function recordCheckpoint(
  node: AttemptServices,
  save: Save,
  outdated: () => boolean,
): Promise<boolean> {
  const write = async () => (outdated() ? [true] : node.store.save(node.node, [save]))
  const written = await persist(node, save.id, write)
  return written?.answer[0] === true
}

/** The suspended copy is gone: until the row says so, a cancel waits for it. */
export async function recordUnparked(node: AttemptServices, copy: Copy): Promise<void> {
  try {
    const written = await persist(node, copy.id, () => node.store.unpark(node.node, [copy]))
    for (const { task, entry } of written?.answer ?? []) node.committed(task, entry)
    if (written?.inDoubt === true && written.answer.length === 0) await tellNewest(node, copy.id)
  } catch (error) {
    node.logger.error({ err: error, task: copy.id }, 'could not record the end of a parked handler')
  }
}

/** Fenced-off code has returned: until it is recorded, its place under the limit of the type is taken. */
export async function recordVacated(node: AttemptServices, copy: Copy): Promise<void> {
  try {
    await persist(node, copy.id, () => node.store.releaseSlots(node.node, [copy]))
  } catch (error) {
    node.logger.error({ err: error, task: copy.id }, 'could not record the end of fenced-off code')
  }
}

/** `inDoubt`: an earlier try failed in a way that may have recorded it. */
type Written<T> = Readonly<{ answer: T; inDoubt: boolean }>

/** Tries until the store answers; undefined when the node closed before. Throws what does not come of an absent store. */
async function persist<T>(
  node: AttemptServices,
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
      if (node.closed()) return undefined
      node.logger.warn({ err: error, task }, 'the database is unavailable; retrying')
      await sleep(node.clock, pause)
    }
  }
}

/** An earlier try may have been recorded although its commit failed: listeners have not heard of it. */
async function tellNewest(node: AttemptServices, id: TaskId): Promise<void> {
  try {
    const found = await node.store.read(id)
    const entry = found?.timeline.at(-1)
    if (found !== null && entry !== undefined) node.committed(found.task, entry)
  } catch (error) {
    node.logger.warn({ err: error, task: id }, 'could not read the outcome of a commit in doubt')
  }
}

/**
 * A settlement after which the code lives on was recorded by an earlier try: the row shows it, since only this run could
 * have moved it there. Code that has ended does not need to know.
 */
function isRecorded(task: Task | null, { outcome, fence }: Settlement, node: NodeId): boolean {
  if (task === null || task.ownerNode !== node) return false
  if (outcome.kind === 'paused') return task.fence === fence && !isActive(task.status)
  return outcome.kind === 'fenced' && task.fence === fence + 1 && isActive(task.status)
}

/**
 * The store refuses this very outcome: the task fails, rather than run for ever. Nothing that the run has said goes with it,
 * so that nothing is left to refuse. Code that lives on is told that its task is not its own any more.
 */
async function refused(
  node: AttemptServices,
  settlement: Settlement,
  cause: unknown,
): Promise<Settled | undefined> {
  const { id, fence, ranMs, outcome, fencedOff = false } = settlement
  node.logger.error({ err: cause, task: id }, 'the database rejected the outcome of a run')
  if (outcome.kind === 'failed' && outcome.error.code === refusal) return undefined
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `The database rejected the outcome of the run: ${reason.slice(0, 500)}`
  const answer = await record(node, {
    id,
    fence,
    ranMs: Number.isFinite(ranMs) ? ranMs : 0,
    outcome: {
      kind: 'failed',
      error: { code: refusal, name: 'OutcomeRefused', message },
      retryIn: null,
      ...('endedBy' in outcome && outcome.endedBy !== undefined ? { endedBy: outcome.endedBy } : {}),
    },
    ...(fencedOff ? { fencedOff } : {}),
  })
  const livesOn = outcome.kind === 'paused' || outcome.kind === 'fenced'
  return livesOn && answer !== undefined ? { ...answer, verdict: 'superseded' } : answer
}
