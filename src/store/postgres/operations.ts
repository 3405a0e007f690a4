import { cancelEntry, operationEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import { operationBegun, operationSeen, type Operation } from '../../core/operation.ts'
import { operationsKept, type OperationOptions } from '../store.ts'
import { addEntries } from './audit.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

export async function beginOperation(
  tx: Transaction,
  operation: Operation,
  audit: Origin | undefined,
): Promise<Operation> {
  const begun = operationBegun(operation, (await tx.moment(0)).now)
  await saveOperation(tx, begun)
  const entry = audit === undefined ? undefined : operationEntry(audit, begun)
  if (entry !== undefined) addEntries(tx, [entry], begun.createdAt)
  return begun
}

export async function saveOperation(tx: Transaction, operation: Operation): Promise<boolean> {
  const { sql } = tx.source
  const { id, node } = operation
  tx.leaveMark()
  const [row] = await tx.ask(sql.saveOperation, [encodeText(id), encodeText(node), JSON.stringify(operation)])
  tx.write(sql.forgetOperations, [operationsKept])
  return row?.[0] === false
}

export async function operation(
  tx: Transaction,
  id: string,
  { cancel, audit }: OperationOptions,
): Promise<Operation | null> {
  const { sql } = tx.source
  const [row] = await tx.ask(sql.operation, [encodeText(id)])
  if (row === undefined) return null
  const seen = operationSeen(JSON.parse(row[0] as string) as Operation, row[1] as boolean)
  if (cancel && seen.status === 'running') {
    const cancelled = await tx.ask(sql.cancelOperation, [encodeText(id)])
    if (audit !== undefined && cancelled.length > 0)
      addEntries(tx, [cancelEntry(audit, id)], (await tx.moment(0)).now)
  }
  return seen
}
