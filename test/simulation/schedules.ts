import type { Overlap, Tick } from '../../src/core/schedule.ts'
import type { CatchUp } from '../../src/core/schedule.ts'
import { isTerminal, type Task, type TaskId } from '../../src/core/task.ts'
import type { Chance } from '../support/chance.ts'
import type { Step } from './handlers.ts'
import { epoch } from './simulated-process.ts'

/** A schedule of a world: it ticks until the faults stop. Seconds. */
export type SimulatedSchedule = Readonly<{
  id: string
  type: string
  every: number
  jitter: number
  overlap: Overlap
  catchUp: CatchUp['mode']
  steps: readonly Step[]
}>

/** Every sixth world has schedules. */
export function schedulesOf(chance: Chance, types: readonly string[]): readonly SimulatedSchedule[] {
  if (chance.between(1, 6) > 1) return []
  return Array.from({ length: chance.between(1, 3) }, (_, index) => ({
    id: `schedule-${index + 1}`,
    type: chance.of(types)!,
    every: chance.of([1, 2, 5])!,
    jitter: chance.of([0, 0, 1])!,
    overlap: chance.of<Overlap>(['skip', 'buffer_one', 'buffer_all', 'allow', 'cancel_other'])!,
    catchUp: chance.of<CatchUp['mode']>(['latest', 'all', 'skip'])!,
    steps: [['sleep', chance.of([1, 500, 4_000])!]],
  }))
}

/** Ticks in the range; the start is excluded. Unix milliseconds. */
function ticksBetween({ every }: SimulatedSchedule, from: number, until: number): number[] {
  const step = every * 1_000
  const ticks: number[] = []
  for (let tick = (Math.floor(from / step) + 1) * step; tick <= until; tick += step) ticks.push(tick)
  return ticks
}

/** Knows the tasks of all ticks, from the rows that the store has committed. Each check returns what is wrong. */
export class TickWitness {
  readonly #schedules: ReadonlyMap<string, SimulatedSchedule>
  readonly #tasks = new Map<string, TaskId>()
  readonly #unfinished = new Map<string, Set<TaskId>>()

  constructor(schedules: readonly SimulatedSchedule[]) {
    this.#schedules = new Map(schedules.map((schedule) => [schedule.id, schedule]))
  }

  submitted({ id, scheduleId, tickAt }: Task): string | undefined {
    if (scheduleId === null) return undefined
    const key = `${scheduleId} ${tickAt}`
    const other = this.#tasks.get(key)
    if (other !== undefined) return `the tick ${key} has two tasks, ${other} and ${id}`
    this.#tasks.set(key, id)
    const unfinished = this.#unfinished.get(scheduleId) ?? new Set()
    this.#unfinished.set(scheduleId, unfinished.add(id))
    const { overlap } = this.#schedules.get(scheduleId)!
    if (overlap === 'allow' || overlap === 'cancel_other' || unfinished.size === 1) return undefined
    return `${[...unfinished].join(' and ')} of ${scheduleId} are unfinished at once, although it may ${overlap}`
  }

  /** A task that is retried may overlap with a later one. */
  moved({ id, scheduleId, status }: Task): void {
    if (scheduleId !== null && isTerminal(status)) this.#unfinished.get(scheduleId)?.delete(id)
  }

  /** Once all is quiet: `ticks` of the schedule that was created at `createdAt`, in Unix milliseconds. */
  missing(id: string, createdAt: number, until: number, ticks: readonly Tick[]): string | undefined {
    const schedule = this.#schedules.get(id)!
    const { overlap, catchUp } = schedule
    const kept = new Map(ticks.map((tick) => [tick.tickAt, tick]))
    for (const tickAt of ticksBetween(schedule, createdAt, until)) {
      const tick = kept.get(tickAt)
      const name = `the tick ${id} ${tickAt - epoch}`
      if (tick === undefined) return `${name} is lost`
      if (tick.waits !== null) return `${name} waits for ever`
      if (tick.taskId === null && tick.skipped === null) return `${name} has no task, and no reason`
      if (tick.skipped === 'overlap' && (overlap === 'allow' || overlap === 'buffer_all'))
        return `${name} was skipped, although schedules with ${overlap} skip none`
      if (tick.skipped === 'catch_up' && catchUp === 'all') return `${name} was not caught up with`
      if (tick.taskId !== null && this.#tasks.get(`${id} ${tickAt}`) !== tick.taskId)
        return `${name} says that it has ${tick.taskId}, which was never submitted`
    }
    return undefined
  }
}
