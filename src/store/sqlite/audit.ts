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

/** Entries after which the indexes are brought up to date: a query reads about as many that are not in them. */
const indexAfter = 256

/**
 * The table of the audit log, in the order of its key: time and number. A commit of one submit would change a page of each
 * index, so they are brought up to date once for many entries; queries read the newest entries from the table. Every entry
 * up to the place in `audit_indexed` is in the indexes: one that gets a place before it, because the clock was set back, is
 * added to them at once.
 */
export class SqliteAudit implements AuditLog {
  readonly #store: AuditSource
  /** Entries that are not in the indexes. What an earlier process left counts as many. */
  #unindexed = indexAfter
  /** The time in `audit_indexed`, or a later one that was rolled back. */
  #indexedAt = Number.NEGATIVE_INFINITY

  constructor(store: AuditSource) {
    this.#store = store
  }

  /** Within the transaction of the change. */
  add(entry: NewEntry | undefined, at: number): void {
    if (entry === undefined) return
    const sql = this.#store.sql()
    const number = this.#store.nextNumber()
    sql.addEntry.run(at, number, ...valuesOf(entry))
    this.#unindexed += 1
    if (this.#unindexed > indexAfter) {
      indexEntries(sql)
      this.#unindexed = 0
      this.#indexedAt = (sql.entryIndexed.get() as unknown as [number])[0]
    }
    if (at < this.#indexedAt) indexEntry(sql, entry, at, number)
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
      const { entryOfOldest, oldEntries, dropEntries, unindexTasks, unindexCallers } = this.#store.sql()
      const before = this.#store.ago(retention)
      const last = entryOfOldest.get(before, limit - 1) ?? oldEntries.get(before)
      if (last === undefined) return 0
      const [at, number] = last as unknown as [number, number]
      unindexTasks.run(at, number)
      unindexCallers.run(at, number)
      return Number(dropEntries.run(at, number).changes)
    })
  }
}

/** Within a transaction: brings the indexes up to date. */
export function indexEntries(sql: Statements): void {
  sql.indexTasks.run()
  sql.indexCallers.run()
  sql.indexed.run()
}

function indexEntry(sql: Statements, { taskId, caller }: NewEntry, at: number, number: number): void {
  if (taskId !== null) sql.indexTask.run(taskId, at, number)
  sql.indexCaller.run(caller.name, at, number)
}

function valuesOf(entry: NewEntry) {
  return auditValues(entry) as (string | number | null)[]
}
