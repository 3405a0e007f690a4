import { isPreempted, urgentPriority } from '../../src/core/preemption.ts'
import type { Task, TaskId } from '../../src/core/task.ts'
import type { Chance } from '../support/chance.ts'

/** Of the preemptible type of a world. */
export const preemptionRule = { most: 3, cooldown: 2_000 }

/** In every fifth world, tasks of type `inline` make room for urgent ones. */
export function hasPreemption(chance: Chance): boolean {
  return chance.between(1, 5) === 1
}

/** Some tasks are urgent. */
export function urgency(chance: Chance): Readonly<{ priority?: number }> {
  return chance.next() < 0.35 ? { priority: urgentPriority } : {}
}

/** What a look sees if nothing is preemptible. */
export async function nobodyIsAsked(): Promise<readonly Task[]> {
  return []
}

/** A task that has not made room by then is replaced by another one. */
const patience = 10_000

/** Knows who was asked to make room for whom. Each check returns what is wrong. */
export class PreemptionWitness {
  readonly #asked = new Map<TaskId, Readonly<{ times: number; at: number; fence: number; urgent: TaskId }>>()

  /** `known`: the rows as they are now. */
  asked(tasks: readonly Task[], known: (id: TaskId) => Task | undefined, now: number): string | undefined {
    for (const task of tasks) {
      const { id, priority, type, fence, preemption } = task
      const before = this.#asked.get(id)
      const times = (before?.times ?? 0) + 1
      const urgent = preemption?.for ?? ''
      if (type !== 'inline' || priority >= urgentPriority || !isPreempted(task))
        return `${id} must not make room`
      if (known(urgent)?.status !== 'queued') return `${id} makes room for ${urgent}, which does not wait`
      if (times > preemptionRule.most) return `${id} has made room ${times} times`
      if (before !== undefined && now - before.at < preemptionRule.cooldown)
        return `${id} makes room again too soon`
      for (const [other, one] of this.#asked) {
        const row = known(other)
        const isLeaving = row?.status === 'running' && row.fence === one.fence && now - one.at < patience
        if (one.urgent === urgent && isLeaving) return `${id} and ${other} both make room for ${urgent}`
      }
      this.#asked.set(id, { times, at: now, fence, urgent })
    }
    return undefined
  }

  /** A retry starts over. */
  retried(id: TaskId): void {
    this.#asked.delete(id)
  }
}
