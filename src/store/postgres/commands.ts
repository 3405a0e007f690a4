import type { Settlement } from '../../core/outcome.ts'
import {
  isActive,
  isTerminal,
  terminalStatuses,
  type NodeId,
  type Status,
  type TaskId,
} from '../../core/task.ts'
import * as rules from '../../core/transition.ts'
import type { Move } from '../../core/transition.ts'
import type { Command, Controlled, Copy, Purged, Save, Settled } from '../store.ts'
import type { Work } from './work.ts'

/**
 * The verbs that name their tasks. By the time they are carried out the rows are locked and read; what they answer is
 * committed afterwards. Each is a list of commands, carried out in order.
 */

export function settle(work: Work, node: NodeId, settlement: Settlement): Settled {
  const task = work.task(settlement.id)
  if (task === undefined) return { verdict: 'superseded', task: null, entry: null }
  const settled = rules.settled(task, settlement, node, work.moment)
  if (settled.verdict !== 'settled') return { verdict: settled.verdict, task, entry: null }
  const { id, fence, outcome, checkpoint, fencedOff, log } = settlement
  if (checkpoint !== undefined) work.putCheckpoint(id, checkpoint)
  if (log !== undefined) work.addLog(id, log)
  if (outcome.kind === 'completed') work.putResult(id, outcome.result)
  if (fencedOff === true) work.fenceOff({ id, fence, node, type: task.type })
  return { verdict: 'settled', ...work.move(settled.move) }
}

export function save(work: Work, node: NodeId, { id, fence, checkpoint, progress, log }: Save): boolean {
  const task = work.task(id)
  if (task?.fence !== fence || task.ownerNode !== node || !isActive(task.status)) return false
  if (checkpoint !== undefined) work.putCheckpoint(id, checkpoint)
  if (log !== undefined) work.addLog(id, log)
  work.keep({
    ...task,
    savedAt: work.moment.now,
    crashes: checkpoint === undefined ? task.crashes : 0,
    progress: progress ?? task.progress,
  })
  return true
}

export function control(work: Work, { id, control, by, fromStart }: Command): Controlled {
  const task = work.task(id)
  if (task === undefined) return { kind: 'unknown' }
  const codeAlive = control === 'retry' && work.codeAlive(id)
  const answer = rules.controlled(task, control, { ...work.moment, by, codeAlive, fromStart })
  if (answer.kind !== 'moved') return { ...answer, task }
  if (control === 'retry') work.putResult(id, null)
  if (control === 'retry' && fromStart === true) work.putCheckpoint(id, null)
  return { kind: 'moved', ...work.move(answer.move) }
}

export function unpark(work: Work, node: NodeId, { id, fence, why }: Copy): Move[] {
  const task = work.task(id)
  return task?.fence === fence ? work.moveIfAny(rules.unparked(task, node, why, work.moment)) : []
}

export function purge(work: Work, id: TaskId, statuses: readonly Status[] = terminalStatuses): Purged {
  const task = work.task(id)
  if (task === undefined) return { kind: 'unknown' }
  if (!isTerminal(task.status) || !statuses.includes(task.status)) return { kind: 'refused', task }
  work.delete(id)
  return { kind: 'purged' }
}

/** Whether a settlement may put its task into the queue: those take a place in it. */
export function mayQueue({ outcome }: Settlement): boolean {
  return outcome.kind !== 'completed' && outcome.kind !== 'paused' && outcome.kind !== 'cancelled'
}
