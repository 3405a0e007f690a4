import type { AuditAction, AuditEntry, AuditQuery } from '../../client/index.ts'
import { age, count } from '../format.ts'
import type { Action } from '../perform.ts'
import { Table, type Column } from '../terminal/table.ts'
import { safeJson } from '../terminal/text.ts'

type Options = Readonly<{
  caller?: string
  action?: AuditAction
  task?: string
  after?: number
  before?: number
  limit?: number
  all?: boolean
}>

/** Number of entries on a terminal by default. */
const few = 50

/** Entries per page. */
const pageSize = 1_000

export const audit: Action = async (session, command) => {
  const { limit, all = false, task, ...filter } = command.opts<Options>()
  const isWhole = all || session.json || session.quiet || !session.out.isLive
  const most = limit ?? (isWhole ? Infinity : few)
  const query: AuditQuery = {
    caller: filter.caller,
    action: filter.action,
    task_id: task,
    after: filter.after,
    before: filter.before,
    limit: Math.min(pageSize, most),
  }
  let left = most
  let table: Table<AuditEntry> | undefined
  let found = 0
  for await (const page of session.client.auditPages(query)) {
    const entries = page.entries.slice(0, left)
    left -= entries.length
    found += entries.length
    if (session.json) for (const entry of entries) await session.printJson(entry)
    else if (session.quiet) for (const { id } of entries) await session.out.print(id)
    else if (entries.length > 0) {
      if (table === undefined) {
        table = new Table(session.out, columns(Date.now(), session.out.isLive), entries)
        await session.out.print(table.head)
      }
      for (const entry of entries) await session.out.print(table.line(entry))
    }
    if (left > 0 || page.next_cursor === null) continue
    if (limit === undefined)
      await session.remark(`There are older entries. Use --all, or --limit ${few * 10}.`)
    break
  }
  if (found === 0) await session.remark('No matching entries.')
}

/** In a pipe, times are exact. */
function columns(now: number, isLive: boolean): readonly Column<AuditEntry>[] {
  return [
    {
      title: 'WHEN',
      text: ({ at }) => (isLive ? age(at, now) : new Date(at * 1_000).toISOString()),
      side: isLive ? 'right' : 'left',
    },
    { title: 'CALLER', text: ({ caller }) => caller.name, least: 8 },
    { title: 'ACTION', text: ({ action }) => action },
    { title: 'SUBJECT', text: subjectOf, least: 12 },
    {
      title: 'TASKS',
      text: ({ count: tasks }) => (tasks === null ? '' : count(tasks)),
      side: 'right',
      yields: 2,
    },
    { title: 'REASON', text: ({ reason }) => reason ?? '', least: 12, yields: 1 },
    { title: 'REQUEST', text: ({ request_id: id }) => id ?? '', yields: 3 },
  ]
}

/** The task, or else what was changed instead. */
function subjectOf({ task_id: id, target, filter }: AuditEntry): string {
  return id ?? (filter === null ? undefined : safeJson(filter)) ?? target?.name ?? target?.id ?? ''
}
