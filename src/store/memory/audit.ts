import type { Audit, AuditEntry, NewEntry } from '../../core/audit.ts'
import { entryOf } from '../../core/audit.ts'
import type { BulkAction } from '../../core/operation.ts'
import type { TaskId } from '../../core/task.ts'
import type { AuditLog, AuditPage, AuditQuery } from '../audit-log.ts'
import type { SteadyTime } from '../steady-time.ts'

/** The audit log of the memory store, in the order of the changes. */
export class MemoryAudit implements AuditLog {
  readonly #time: Pick<SteadyTime, 'now' | 'ago'>
  #entries: AuditEntry[] = []
  #number = 0

  constructor(time: Pick<SteadyTime, 'now' | 'ago'>) {
    this.#time = time
  }

  add(entry: NewEntry | undefined, at = this.#time.now()): void {
    if (entry !== undefined) this.#entries.push({ ...entry, id: String(++this.#number), at })
  }

  /** A task was changed. */
  changed(audit: Audit | undefined, action: BulkAction, taskId: TaskId): void {
    if (audit === undefined) return
    if (!('operation' in audit)) return this.add(entryOf(audit, `task.${action}`, { taskId, count: 1 }))
    this.#entries = this.#entries.map((entry) =>
      entry.target?.id === audit.operation.id && entry.count !== null
        ? { ...entry, count: entry.count + 1 }
        : entry,
    )
  }

  async read({ filter, after, scan }: AuditQuery): Promise<AuditPage> {
    const { taskId, action, caller, after: from = 0, before: to = Number.POSITIVE_INFINITY } = filter
    const number = ({ id }: AuditEntry) => Number(id)
    const isOfTask = (entry: AuditEntry) => taskId === undefined || entry.taskId === taskId
    const isAction = (entry: AuditEntry) => action === undefined || entry.action === action
    const isBy = ({ caller: { name } }: AuditEntry) => caller === undefined || name === caller
    const way = () => {
      if (taskId !== undefined) return isOfTask
      if (action !== undefined && action !== 'task.submit') return isAction
      return isBy
    }
    const candidates = this.#entries
      .filter(({ at }) => at >= from && at < to)
      .filter(way())
      .sort((a, b) => b.at - a.at || number(b) - number(a))
      .filter(
        (entry) =>
          after === null || entry.at < after.at || (entry.at === after.at && number(entry) < after.number),
      )
      .slice(0, scan)
    const last = candidates.length < scan ? undefined : candidates.at(-1)
    return {
      entries: candidates.filter((entry) => isOfTask(entry) && isAction(entry) && isBy(entry)),
      next: last === undefined ? null : { at: last.at, number: number(last) },
    }
  }

  async prune(retention: number, limit: number): Promise<number> {
    const before = this.#time.ago(retention)
    const old = this.#entries
      .filter(({ at }) => at < before)
      .sort((a, b) => a.at - b.at || Number(a.id) - Number(b.id))
      .slice(0, limit)
    this.#entries = this.#entries.filter((entry) => !old.includes(entry))
    return old.length
  }
}
