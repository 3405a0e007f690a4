import { sleep } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Settlement } from '../core/outcome.ts'
import type { TaskId } from '../core/task.ts'
import type { Copy, Save, Settled } from '../store/store.ts'
import type { Node } from './node.ts'

/** Milliseconds between tries while the store is away. */
const firstPause = 100
const longestPause = 2_000

/**
 * Writes how a run ended and tells the node. While the store is away it is tried again: the code has stopped, and its
 * outcome must not be lost. Undefined when it could not be written before the node closed, or was refused for good.
 */
export async function record(node: Node, settlement: Settlement): Promise<Settled | undefined> {
  let inDoubt = false
  const write = async () => {
    try {
      const [answer] = await node.store.settle(node.boot, [settlement])
      return answer
    } catch (error) {
      inDoubt ||= error instanceof StoreUnavailable && error.unknown
      throw error
    }
  }
  try {
    const answer = await persist(node, settlement.id, write)
    if (answer?.verdict === 'settled' && answer.task !== null && answer.entry !== null) {
      node.committed(answer.task, answer.entry)
    } else if (inDoubt) {
      await tellNewest(node, settlement.id)
    }
    return answer
  } catch (error) {
    return await refused(node, settlement, error)
  }
}

/** False when the task is not active with this fence. */
export async function recordCheckpoint(node: Node, save: Save): Promise<boolean> {
  const held = await persist(node, save.id, () => node.store.save(node.boot, [save]))
  return held?.[0] === true
}

/** Tries until the store answers; undefined when the node closed before. Throws what does not come of an absent store. */
async function persist<T>(node: Node, task: TaskId, write: () => Promise<T>): Promise<T | undefined> {
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      if (node.closed()) return undefined
      node.logger.warn({ err: error, task }, 'the store is away; trying again')
      await sleep(node.clock, pause)
    }
  }
}

/** An earlier try may have been recorded although its commit failed: listeners have not heard of it. */
async function tellNewest(node: Node, id: TaskId): Promise<void> {
  const found = await node.store.read(id)
  const entry = found?.timeline.at(-1)
  if (found != null && entry !== undefined) node.committed(found.task, entry)
}

/** The store refuses this very outcome: the task fails, rather than wait for ever. */
async function refused(node: Node, settlement: Settlement, cause: unknown): Promise<Settled | undefined> {
  node.logger.error({ err: cause, task: settlement.id }, 'the store refused the outcome of a run')
  if (settlement.outcome.kind === 'failed') return undefined
  const error = { code: 'OUTCOME_REFUSED', name: 'OutcomeRefused', message: 'The store refused the outcome.' }
  const { id, fence, ranMs } = settlement
  return record(node, { id, fence, ranMs, outcome: { kind: 'failed', error, retryIn: null } })
}

/** The suspended copy is gone. What cannot be written is found by the next reaping. */
export async function recordUnparked(node: Node, copy: Copy): Promise<void> {
  try {
    const moved = await node.store.unpark(node.boot, [copy])
    for (const { task, entry } of moved) node.committed(task, entry)
  } catch (error) {
    node.logger.warn({ err: error, task: copy.id }, 'the end of a parked copy could not be recorded')
  }
}

/** Fenced-off code has returned. */
export async function recordVacated(node: Node, copy: Copy): Promise<void> {
  try {
    await node.store.vacate(node.boot, [copy])
  } catch (error) {
    node.logger.warn({ err: error, task: copy.id }, 'the end of fenced-off code could not be recorded')
  }
}
