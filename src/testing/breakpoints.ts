import type { TaskId } from '../core/task.ts'

/** The n-th checkpoint of a task, counted from 1 over all its runs; or the first one for whose state this returns true. */
export type At<State> = number | ((state: State) => boolean)

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
      if (breakpoint.type !== type || !(typeof at === 'number' ? at === count : at(state))) continue
      this.#waiting.delete(breakpoint)
      return act
    }
    return undefined
  }
}
