import type { NewEntry } from '../../core/audit.ts'
import {
  recentSeen,
  unfinishedSeen,
  waitingSeen,
  type Schedule,
  type ScheduleView,
  type Tick,
} from '../../core/schedule.ts'
import { isTerminal, type Submission, type Task, type TaskId } from '../../core/task.ts'
import {
  fullOf,
  ticksKept,
  type DueSchedules,
  type Outcome,
  type ScheduleChange,
  type ScheduleChanged,
  type ScheduleStore,
} from '../schedule-store.ts'
import type { Submitted, SubmitOptions } from '../store.ts'

/** What the schedules use of the store. */
export type ScheduleSource = Readonly<{
  now(): number
  ago(ms: number): number
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  tasks(): readonly Task[]
  task(id: TaskId): Task | undefined
  audit(entry: NewEntry | undefined): void
  prepare(
    submissions: readonly Submission[],
    options: SubmitOptions,
  ): Readonly<{ answer: Submitted; commit(): void }>
}>

type Kept = Tick & Readonly<{ storedAt: number }>

/** The schedules of the memory store. */
export class MemorySchedules implements ScheduleStore {
  readonly #store: ScheduleSource
  readonly #schedules = new Map<string, Schedule>()
  readonly #ticks = new Map<string, Map<number, Kept>>()

  constructor(store: ScheduleSource) {
    this.#store = store
  }

  add(schedule: Schedule, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      if (this.#schedules.has(schedule.id)) return false
      this.#schedules.set(schedule.id, schedule)
      this.#store.audit(audit)
      return true
    })
  }

  change(changes: readonly ScheduleChange[], maxQueued: number): Promise<readonly ScheduleChanged[]> {
    return this.#store.write(() => changes.map((change) => this.#change(change, maxQueued)))
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      this.#ticks.delete(id)
      if (!this.#schedules.delete(id)) return false
      this.#store.audit(audit)
      return true
    })
  }

  async list(after: string, limit: number): Promise<readonly Schedule[]> {
    this.#store.mustBeOpen()
    return this.#sorted()
      .filter(({ id }) => id > after)
      .slice(0, limit)
  }

  async view(ids: readonly string[]): Promise<readonly ScheduleView[]> {
    this.#store.mustBeOpen()
    return ids.flatMap((id): ScheduleView[] => {
      const schedule = this.#schedules.get(id)
      if (schedule === undefined) return []
      const newest = this.#newest(id)
      const unfinished = this.#store
        .tasks()
        .filter(({ scheduleId, status }) => scheduleId === id && !isTerminal(status))
        .slice(0, unfinishedSeen)
      return [
        {
          schedule,
          unfinished: unfinished.map((task) => ({
            id: task.id,
            isCancelling: task.requestedControl === 'cancel',
          })),
          waiting: newest
            .filter(({ waits }) => waits !== null)
            .toReversed()
            .slice(0, waitingSeen),
          recent: newest.filter(({ taskId }) => taskId !== null).slice(0, recentSeen),
        },
      ]
    })
  }

  async due(types: readonly string[], limit: number): Promise<DueSchedules> {
    this.#store.mustBeOpen()
    const now = this.#store.now()
    const all = this.#sorted()
      .filter(({ type, dueAt }) => dueAt !== null && types.includes(type))
      .sort((a, b) => a.dueAt! - b.dueAt!)
    const due = all.filter(({ dueAt }) => dueAt! <= now)
    const ids = due.slice(0, limit).map(({ id }) => id)
    const next = all.find(({ dueAt }) => dueAt! > now)
    if (due.length >= limit) return { ids, dueIn: 0 }
    return { ids, dueIn: next === undefined ? null : next.dueAt! - now }
  }

  async lag(): Promise<number> {
    this.#store.mustBeOpen()
    const now = this.#store.now()
    return Math.max(0, ...this.#sorted().map(({ dueAt }) => now - (dueAt ?? now)))
  }

  record(outcomes: readonly Outcome[]): Promise<readonly string[]> {
    return this.#store.write(() => {
      for (const { scheduleId, tickAt, status } of outcomes) {
        const tick = this.#ticks.get(scheduleId)?.get(tickAt)
        if (tick !== undefined) this.#ticks.get(scheduleId)?.set(tickAt, { ...tick, status })
      }
      const ids = [...new Set(outcomes.map(({ scheduleId }) => scheduleId))]
      return ids.filter((id) => {
        const schedule = this.#schedules.get(id)
        return schedule !== undefined && (schedule.buffered > 0 || schedule.pauseOnFailures !== null)
      })
    })
  }

  async ticks(id: string, before: number, limit: number): Promise<readonly Tick[]> {
    this.#store.mustBeOpen()
    return this.#newest(id)
      .filter(({ tickAt }) => tickAt < before)
      .slice(0, limit)
  }

  prune(
    retention: number,
    after: string,
    limits: Readonly<{ schedules: number; ticks: number }>,
  ): Promise<Readonly<{ next: string | null; deleted: number }>> {
    return this.#store.write(() => {
      const before = this.#store.ago(retention)
      const chosen = this.#sorted()
        .filter(({ id }) => id > after)
        .slice(0, limits.schedules)
      let deleted = 0
      for (const { id } of chosen) {
        const old = this.#rows(id)
          .slice(ticksKept)
          .filter(({ waits, storedAt }) => waits === null && storedAt < before)
        for (const { tickAt } of old.toReversed().slice(0, limits.ticks)) {
          this.#ticks.get(id)?.delete(tickAt)
          deleted += 1
        }
      }
      return { next: chosen.length < limits.schedules ? null : chosen.at(-1)!.id, deleted }
    })
  }

  #change({ schedule, ticks, submissions, by, audit }: ScheduleChange, maxQueued: number): ScheduleChanged {
    const { id } = schedule
    if (this.#schedules.get(id)?.version !== schedule.version - 1) return { kind: 'lost' }
    const rows = this.#ticks.get(id) ?? new Map<number, Kept>()
    const free = ticks.filter(({ tickAt, from }) => {
      const row = rows.get(tickAt)
      if (from === 'waiting') return row !== undefined && row.waits !== null
      return row === undefined || (row.taskId === null && row.waits === null)
    })
    const started = new Set(free.map(({ to }) => to.taskId))
    const taken = submissions.filter((submission) => !started.has(submission.id))
    const { answer, commit } = this.#store.prepare(
      submissions.filter((submission) => !taken.includes(submission)),
      { by, maxQueued },
    )
    if (answer.kind !== 'accepted') return fullOf(answer)
    commit()
    const lost = ticks.filter((tick) => !free.includes(tick) && tick.from === 'new' && tick.to.waits !== null)
    const kept = {
      ...schedule,
      buffered: Math.max(0, schedule.buffered - lost.length),
      lastTaskId: taken.some((task) => task.id === schedule.lastTaskId) ? null : schedule.lastTaskId,
    }
    const accepted = submissions.filter((submission) => !taken.includes(submission))
    const taskOf = (id: TaskId | null) =>
      answer.tasks[accepted.findIndex((submission) => submission.id === id)]?.task.id ?? id
    for (const { tickAt, to } of free) {
      const tick = { ...to, taskId: taskOf(to.taskId) }
      rows.set(tickAt, { tickAt, ...tick, status: null, storedAt: this.#store.now() })
    }
    this.#ticks.set(id, rows)
    const led = { ...kept, lastTaskId: taskOf(kept.lastTaskId) }
    this.#schedules.set(id, led)
    this.#store.audit(audit === undefined ? undefined : { ...audit, taskId: taskOf(audit.taskId) })
    return {
      kind: 'changed',
      schedule: led,
      tasks: answer.tasks.filter((task) => !task.replayed),
      ticks: free.length,
    }
  }

  #sorted(): Schedule[] {
    return [...this.#schedules.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** The newest first. */
  #rows(id: string): Kept[] {
    return [...(this.#ticks.get(id)?.values() ?? [])].sort((a, b) => b.tickAt - a.tickAt)
  }

  #newest(id: string): Tick[] {
    return this.#rows(id).map(({ tickAt, taskId, status, skipped, waits }) => ({
      tickAt,
      taskId,
      status: (taskId === null ? undefined : this.#store.task(taskId)?.status) ?? status,
      skipped,
      waits,
    }))
  }
}
