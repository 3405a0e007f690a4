import { operationBegun, operationSeen, type Operation } from '../../core/operation.ts'
import { operationsKept } from '../store.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** Waits for the claims that are under way on all nodes, so that what it answers holds for every claim after it. */
export async function hold(tx: Transaction, type: string, held: boolean, by: string): Promise<boolean> {
  const { sql, schema, clock } = tx.source
  tx.leaveMark()
  tx.write(sql.holdClaims, [schema])
  const name = encodeText(type)
  const changed = held
    ? tx.ask(sql.hold, [name, clock?.now() ?? null, encodeText(by)])
    : tx.ask(sql.lift, [name])
  return (await changed).length > 0
}

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
