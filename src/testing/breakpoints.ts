import type { TaskId } from '../core/task.ts'

/**
 * The n-th checkpoint of a task, counted from 1 over all its runs; the first one for whose state this returns true; or a step
 * that runs its function: `after` it is stored, or `during`, once its function has returned and before that is stored.
 */
export type At<State> = number | ((state: State) => boolean) | AtStep

export type AtStep = Readonly<{ after: string }> | Readonly<{ during: string }>

type Act = 'pause' | 'crash'
type Breakpoint = Readonly<{ type: string; act: Act; at: At<unknown> }>

/** Where handlers are to be stopped. Each breakpoint applies once. */
export class Breakpoints {
  readonly #waiting = new Set<Breakpoint>()
  readonly #counts = new Map<TaskId, number>()

  set<State>(type: string, act: Act, at: At<State>): void {
    this.#waiting.add({ type, act, at: at as At<unknown> })
  }

  /** Called when a handler passes a checkpoint; returns what should happen there. */
  reached(id: TaskId, type: string, state: unknown): Act | undefined {
    const count = (this.#counts.get(id) ?? 0) + 1
    this.#counts.set(id, count)
    for (const breakpoint of this.#waiting) {
      const { at, act } = breakpoint
      if (breakpoint.type !== type || typeof at === 'object') continue
      if (!(typeof at === 'number' ? at === count : at(state))) continue
      this.#waiting.delete(breakpoint)
      return act
    }
    return undefined
  }

  /** Called when a step gets there; returns what should happen. */
  passed(type: string, place: AtStep): Act | undefined {
    const found = [...this.#waiting].find(
      ({ type: own, at }) => own === type && typeof at === 'object' && isSame(at, place),
    )
    if (found !== undefined) this.#waiting.delete(found)
    return found?.act
  }
}

function isSame(one: AtStep, other: AtStep): boolean {
  if ('after' in one) return 'after' in other && one.after === other.after
  return 'during' in other && one.during === other.during
}
