import type { NewEntry } from '../../core/audit.ts'
import type { AuditLog, AuditPage, AuditQuery } from '../audit-log.ts'
import { auditColumns, auditPage, auditValues, auditWay, entryOfRow, type Audited } from '../auditing.ts'
import type { Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the audit log uses of the store. */
export type AuditSource = Readonly<{
  sql: Statements
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

export class PostgresAudit implements AuditLog {
  readonly #store: AuditSource

  constructor(store: AuditSource) {
    this.#store = store
  }

  read(query: AuditQuery): Promise<AuditPage> {
    const { filter, after, scan } = query
    const { sql } = this.#store
    const [text, ...key] = {
      task: [sql.auditOfTask, filter.taskId] as const,
      action: [sql.auditOfAction, filter.action] as const,
      caller: [sql.auditOfCaller, filter.caller] as const,
      all: [sql.auditAll] as const,
    }[auditWay(query)]
    const place = [after?.at ?? Number.MAX_SAFE_INTEGER, after?.number ?? Number.MAX_SAFE_INTEGER]
    const within = [filter.after ?? 0, filter.before ?? Number.MAX_SAFE_INTEGER]
    return this.#store.read(async (session) => {
      const keys = key.map((one) => encodeText(String(one)))
      const rows = await session.query(text, [...place, ...within, scan, ...keys])
      return auditPage(
        query,
        rows.map((row) => entryOfRow(row, decodeText)),
      )
    })
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.alone(async (tx) => {
      const { sql, clock } = tx.source
      return (await tx.ask(sql.dropEntries, [clock?.now() ?? null, retention, limit])).length
    })
  }
}

/** Adds entries with the time of their change, within its transaction. */
export function addEntries(tx: Transaction, entries: readonly NewEntry[], at: number): void {
  if (entries.length === 0) return
  const rows = entries.map((entry) => auditValues(entry, encodeText))
  tx.leaveMark()
  tx.write(tx.source.sql.addEntries, [at, ...auditColumns.map((_, index) => rows.map((row) => row[index]!))])
}

/** Within the transaction of the changes. */
export function record(tx: Transaction, audited: readonly Audited[], at: number): void {
  addEntries(
    tx,
    audited.flatMap(({ entries }) => entries),
    at,
  )
  for (const { counted } of audited) {
    if (counted === null) continue
    const { operation, tasks } = counted
    tx.write(tx.source.sql.addToEntry, [tasks, operation.createdAt, encodeText(operation.id)])
  }
}
