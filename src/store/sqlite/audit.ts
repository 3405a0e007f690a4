import type { NewEntry } from '../../core/audit.ts'
import type { AuditLog, AuditPage, AuditQuery } from '../audit-log.ts'
import { auditPage, auditValues, auditWay, entryOfRow, type Audited } from '../auditing.ts'
import type { Statements } from './statements.ts'

/** What the audit log uses of the store. */
export type AuditSource = Readonly<{
  sql(): Statements
  now(): number
  /** A time this long ago. */
  ago(duration: number): number
  nextNumber(): number
  write<T>(run: () => T): Promise<T>
  read<T>(look: () => T): T
}>

/** The table of the audit log, in the order of its key: time and number. */
export class SqliteAudit implements AuditLog {
  readonly #store: AuditSource

  constructor(store: AuditSource) {
    this.#store = store
  }

  /** Within the transaction of the change. */
  add(entry: NewEntry | undefined, at: number): void {
    if (entry !== undefined) this.#store.sql().addEntry.run(at, this.#store.nextNumber(), ...valuesOf(entry))
  }

  /** Within the transaction of the changes. */
  record(audited: Audited | undefined, at: number): void {
    if (audited === undefined) return
    for (const entry of audited.entries) this.add(entry, at)
    if (audited.counted === null) return
    const { operation, tasks } = audited.counted
    this.#store.sql().addToEntry.run(tasks, operation.createdAt, operation.id)
  }

  async read(query: AuditQuery): Promise<AuditPage> {
    return this.#store.read(() => {
      const { filter, after, scan } = query
      const sql = this.#store.sql()
      const [statement, ...key] = {
        task: [sql.auditOfTask, filter.taskId] as const,
        action: [sql.auditOfAction, filter.action] as const,
        caller: [sql.auditOfCaller, filter.caller] as const,
        all: [sql.auditAll] as const,
      }[auditWay(query)]
      const place = [after?.at ?? Number.MAX_SAFE_INTEGER, after?.number ?? Number.MAX_SAFE_INTEGER]
      const within = [filter.after ?? 0, filter.before ?? Number.MAX_SAFE_INTEGER]
      const rows = statement.all(...key.map(String), ...place, ...within, scan) as unknown as unknown[][]
      return auditPage(
        query,
        rows.map((row) => entryOfRow(row)),
      )
    })
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.write(() => {
      const { entryOfOldest, oldEntries, dropEntries } = this.#store.sql()
      const before = this.#store.ago(retention)
      const last = entryOfOldest.get(before, limit - 1) ?? oldEntries.get(before)
      if (last === undefined) return 0
      const [at, number] = last as unknown as [number, number]
      return Number(dropEntries.run(at, number).changes)
    })
  }
}

function valuesOf(entry: NewEntry) {
  return auditValues(entry) as (string | number | null)[]
}
