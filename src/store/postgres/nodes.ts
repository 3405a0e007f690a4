import type { Clock } from '../../core/clock.ts'
import type { NodeInfo, LiveNode } from '../store.ts'
import type { Rows, Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** `lease`: milliseconds for which the node lives without a renewal. */
export function startNode(tx: Transaction, node: NodeInfo, lease: number): void {
  const { id, slots, types, version, host, pid } = node
  const named = [encodeText(id), slots, encodeText(JSON.stringify(types)), version, host, pid]
  tx.leaveMark()
  tx.write(tx.source.sql.forgetMarks)
  tx.write(tx.source.sql.startNode, [...named, nowOf(tx.source.clock), lease])
}

export function endNode(tx: Transaction, node: string): void {
  tx.write(tx.source.sql.endNode, [encodeText(node), nowOf(tx.source.clock)])
}

export async function liveNodes(
  session: Session,
  sql: Statements,
  clock: Clock | undefined,
): Promise<LiveNode[]> {
  const rows = await session.query(sql.living, [nowOf(clock)])
  return rows.map(nodeOf)
}

/** A row of `living`. */
export function nodeOf(row: Rows[number]): LiveNode {
  const [id, slots, types, version, host, pid, startedAt, renewedAt, slotsInUse] = row
  return {
    id: decodeText(id as string),
    slots: slots as number,
    types: JSON.parse(decodeText(types as string)) as string[],
    version: version as string,
    host: host as string | null,
    pid: pid as number | null,
    startedAt: startedAt as number,
    renewedAt: renewedAt as number,
    slotsInUse: slotsInUse as number,
  }
}

/** Null: the time of the database. */
function nowOf(clock: Clock | undefined): number | null {
  return clock?.now() ?? null
}
