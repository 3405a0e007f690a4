import type { Filter } from './filter.ts'
import type { BootId, Control } from './task.ts'

/** One control on all tasks of a filter. It works through them in batches, and counts. */
export type Operation = Readonly<{
  id: string
  action: Control
  filter: Filter
  /** Only counts. */
  dryRun: boolean
  status: OperationStatus
  /** The boot that carries it out. */
  boot: BootId
  createdAt: number
  endedAt: number | null
  /** Tasks that match and could take the control when they were looked at. */
  matched: number
  changed: number
  /** On which the control stood already. */
  unchanged: number
  /** That could not take it any more when their turn came. */
  refused: number
  /** Why it failed. */
  error: string | null
}>

export const operationStatuses = ['running', 'completed', 'cancelled', 'failed', 'interrupted'] as const
export type OperationStatus = (typeof operationStatuses)[number]

/** It begins now, and means no task that is submitted later. */
export function operationBegun(operation: Operation, now: number): Operation {
  const { filter } = operation
  const createdBefore = Math.min(filter.createdBefore ?? Number.POSITIVE_INFINITY, now + 1)
  return { ...operation, createdAt: now, filter: { ...filter, createdBefore } }
}

/** What is seen of an operation. Its boot is dead: what was done stands, the rest was not reached. */
export function operationSeen(operation: Operation, bootAlive: boolean): Operation {
  return operation.status === 'running' && !bootAlive ? { ...operation, status: 'interrupted' } : operation
}
