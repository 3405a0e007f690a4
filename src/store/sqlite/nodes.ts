import { nodeMemory, type NodeInfo, type LiveNode } from '../store.ts'
import type { Statements } from './statements.ts'

/** One process owns the file: any earlier node has ended. */
export function startNode(sql: Statements, node: NodeInfo, now: number): void {
  const { id, slots, types, version, host, pid } = node
  sql.endNodes.run(now)
  sql.startNode.run(id, slots, JSON.stringify(types), version, host, pid, now)
}

export function liveNodes(sql: Statements): LiveNode[] {
  return (sql.living.all() as unknown as Row[]).map(
    ([id, slots, types, version, host, pid, startedAt, slotsInUse]) => ({
      id,
      slots,
      types: JSON.parse(types) as string[],
      version,
      host,
      pid,
      startedAt,
      renewedAt: null,
      slotsInUse,
    }),
  )
}

export function forgetNodes(sql: Statements, now: number): void {
  sql.forgetNodes.run(now - nodeMemory)
}

type Row = [
  id: string,
  slots: number,
  types: string,
  version: string,
  host: string | null,
  pid: number | null,
  startedAt: number,
  slotsInUse: number,
]
