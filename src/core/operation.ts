import type { Filter } from './filter.ts'
import { accepts } from './lifecycle.ts'
import { controls, isTerminal, type NodeId, type Status } from './task.ts'

/** What can be done to all tasks that match a filter: the controls, and `purge`, which deletes finished tasks. */
export const bulkActions = [...controls, 'purge'] as const
export type BulkAction = (typeof bulkActions)[number]

/** What an operation did: a bulk action, or a backfill, whose counts are ticks of a schedule. */
export const operationActions = [...bulkActions, 'backfill'] as const
export type OperationAction = (typeof operationActions)[number]

/** One action on all tasks that match a filter, processed in batches. */
export type Operation = Readonly<{
  id: string
  action: OperationAction
  filter: Filter
  /** The name of the caller that started it, and the id of its key. */
  by: string
  callerId: string | null
  /** The reason that the caller gave. */
  reason: string | null
  /** Only count matching tasks. */
  dryRun: boolean
  status: OperationStatus
  /** The node that carries it out. */
  node: NodeId
  createdAt: number
  endedAt: number | null
  /** Tasks that matched and accepted the action when they were read. */
  matched: number
  changed: number
  /** Tasks that needed no change: the control was already in effect or, for a purge, the task was gone. */
  unchanged: number
  /** Tasks that were no longer eligible when their turn came. */
  refused: number
  /** Why the operation failed, or was cancelled without a caller asking for it. */
  error: string | null
}>

export const operationStatuses = ['running', 'completed', 'cancelled', 'failed', 'interrupted'] as const
export type OperationStatus = (typeof operationStatuses)[number]

/** Whether tasks in this status accept the action. */
export function takes(action: BulkAction, status: Status): boolean {
  if (action === 'purge') return isTerminal(status)
  return accepts(action, status)
}

/** Starts now, and does not include tasks submitted later. */
export function operationBegun(operation: Operation, now: number): Operation {
  const { filter } = operation
  const createdBefore = Math.min(filter.createdBefore ?? Number.POSITIVE_INFINITY, now + 1)
  return { ...operation, createdAt: now, filter: { ...filter, createdBefore } }
}

/** Of operations that were stored before callers had names. */
const unnamed = { by: 'anonymous', callerId: null, reason: null }

/** The operation as seen after its node died: its changes so far remain, the rest was not reached. */
export function operationSeen(operation: Operation, nodeAlive: boolean): Operation {
  const whole = { ...unnamed, ...operation }
  return whole.status === 'running' && !nodeAlive ? { ...whole, status: 'interrupted' } : whole
}
