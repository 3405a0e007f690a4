import type { AuditEntry, AuditFilter } from '../core/audit.ts'
import { turn, type Clock } from '../core/clock.ts'
import type { AuditCursor, AuditLog } from '../store/audit-log.ts'
import { auditCursorOf, auditPlaceOf } from './cursor.ts'

export type AuditOptions = Readonly<{
  /** Maximum entries in the page: 1 to 1,000. Default 100. */
  limit?: number
  /** The `nextCursor` of the previous page. */
  cursor?: string
}>

export type AuditListPage = Readonly<{
  /** Newest first. */
  entries: readonly AuditEntry[]
  /** Null on the last page. */
  nextCursor: string | null
}>

/** Candidates per turn of the event loop, so that other callers are not delayed. */
const scanAtOnce = 100
/** Characters of filters in a page: a filter can name a thousand types. */
const pageSize = 4_194_304
/** Milliseconds after which a page is returned as it is. */
const longest = 1_000

/** One page. Throws `OptionsInvalid` for a cursor of another list. */
export async function listEntries(
  log: AuditLog,
  clock: Clock,
  filter: AuditFilter,
  { limit = 100, cursor }: AuditOptions,
): Promise<AuditListPage> {
  const entries: AuditEntry[] = []
  let after: AuditCursor | null = cursor === undefined ? null : auditPlaceOf(cursor, filter)
  let size = 0
  for (const end = clock.monotonic() + longest; ;) {
    const page = await log.read({ filter, after, scan: scanAtOnce })
    after = page.next
    for (const [index, entry] of page.entries.entries()) {
      entries.push(entry)
      size += entry.filter === null ? 0 : JSON.stringify(entry.filter).length
      const isFull = entries.length === limit || size >= pageSize
      if (!isFull) continue
      const isLast = index === page.entries.length - 1 && page.next === null
      after = isLast ? null : { at: entry.at, number: Number(entry.id) }
      return { entries, nextCursor: after === null ? null : auditCursorOf(after, filter) }
    }
    if (after === null) return { entries, nextCursor: null }
    if (clock.monotonic() >= end) return { entries, nextCursor: auditCursorOf(after, filter) }
    await turn(clock)
  }
}
