import type { AuditEntry, AuditFilter } from '../core/audit.ts'

/** Who changed what: entries that were committed with the changes. */
export interface AuditLog {
  /**
   * Entries that match, newest first. Reads at most `scan` candidates from an index, so it costs the same at any size: those
   * of the task; otherwise those of the action, unless it is `task.submit`; otherwise those of the caller; otherwise all; each
   * within the times. The rest of the filter is checked for each candidate.
   */
  read(query: AuditQuery): Promise<AuditPage>

  /** Deletes entries older than `retention` milliseconds, oldest first, at most `limit`; returns how many. */
  prune(retention: number, limit: number): Promise<number>
}

export type AuditQuery = Readonly<{
  filter: AuditFilter
  /** Where the previous page ended; null for the first one. */
  after: AuditCursor | null
  scan: number
}>

/** The position of an entry: by time, then by the number in its id. */
export type AuditCursor = Readonly<{ at: number; number: number }>

export type AuditPage = Readonly<{
  entries: readonly AuditEntry[]
  /** The last candidate that was read; null if there is none beyond it. */
  next: AuditCursor | null
}>
