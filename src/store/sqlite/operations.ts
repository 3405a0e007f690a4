import type { Operation } from '../../core/operation.ts'
import { operationsKept } from '../store.ts'
import type { Statements } from './statements.ts'

/** False once its cancel was asked for. */
export function keepOperation(sql: Statements, operation: Operation): boolean {
  const { id, node } = operation
  const [cancel] = sql.saveOperation.get(id, node, JSON.stringify(operation)) as unknown as [number]
  sql.forgetOperations.run(operationsKept)
  return cancel === 0
}
