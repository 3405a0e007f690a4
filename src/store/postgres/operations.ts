import { operationBegun, operationSeen, type Operation } from '../../core/operation.ts'
import { operationsKept } from '../store.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

export async function beginOperation(tx: Transaction, operation: Operation): Promise<Operation> {
  const begun = operationBegun(operation, (await tx.moment(0)).now)
  await saveOperation(tx, begun)
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

export async function operation(tx: Transaction, id: string, cancel: boolean): Promise<Operation | null> {
  const { sql } = tx.source
  const [row] = await tx.ask(sql.operation, [encodeText(id)])
  if (row === undefined) return null
  const seen = operationSeen(JSON.parse(row[0] as string) as Operation, row[1] as boolean)
  if (cancel && seen.status === 'running') tx.write(sql.cancelOperation, [encodeText(id)])
  return seen
}
