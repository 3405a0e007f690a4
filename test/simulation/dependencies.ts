import { OptionsInvalid } from '../../src/core/errors.ts'
import { failurePolicies, type Predecessors, type Submission, type TaskId } from '../../src/core/task.ts'
import type { Move } from '../../src/core/transition.ts'
import type { SubmitOptions } from '../../src/engine/api.ts'
import type { Released } from '../../src/store/store.ts'
import type { Chance } from '../support/chance.ts'

/** In every fourth world, tasks wait for others. */
export function hasDependencies(chance: Chance): boolean {
  return chance.between(1, 4) === 1
}

/** What a submit waits for: up to three tasks that callers know, some of which may be gone. */
export function waitsOf(
  chance: Chance,
  known: readonly TaskId[],
): Pick<SubmitOptions, 'after' | 'onFailure'> {
  if (known.length === 0 || chance.next() < 0.3) return {}
  const after = Array.from({ length: chance.between(1, 3) }, () => chance.of(known.slice(-12))!)
  return { after, onFailure: chance.of(failurePolicies)! }
}

/** A task that somebody wanted to wait for may have been deleted. */
export function isGoneError(error: unknown): boolean {
  return error instanceof OptionsInvalid && error.issues.every(({ path }) => path.includes('after.'))
}

/** What a releaser sees if nothing waits. */
export async function noReleases(): Promise<Released> {
  return { moved: [], more: false, anyWaits: false }
}

/** Knows what waits for what, from the submits that the store has committed. Each check returns what is wrong. */
export class DependencyWitness {
  readonly #waits = new Map<TaskId, Predecessors>()
  readonly #ready = new Set<TaskId>()

  submitted(submissions: readonly Submission[]): void {
    for (const { id, predecessors } of submissions)
      if (predecessors !== undefined) this.#waits.set(id, predecessors)
  }

  /** `hasEnded`: it has ended at least once. */
  released(moved: readonly Move[], hasEnded: (id: TaskId) => boolean): string | undefined {
    for (const { task, entry } of moved) {
      const { ids = [] } = this.#waits.get(task.id) ?? {}
      if (entry.event !== 'ready') continue
      if (this.#ready.has(task.id)) return `${task.id} has started twice after its predecessors`
      this.#ready.add(task.id)
      const early = ids.find((id) => !hasEnded(id))
      if (early !== undefined) return `${task.id} is ready, although its predecessor ${early} has not ended`
    }
    return undefined
  }
}
