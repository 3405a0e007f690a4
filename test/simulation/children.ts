import type { TaskId } from '../../src/core/task.ts'
import type { Command, Controlled, Submitted } from '../../src/store/store.ts'
import { joinModes } from '../../src/core/join.ts'
import type { Move } from '../../src/core/transition.ts'
import type { Watched, WatchRequest } from '../../src/store/join-store.ts'
import type { Chance } from '../support/chance.ts'
import type { Step } from './handlers.ts'
import type { Happening, Setting } from './script.ts'

/** In every sixth world, handlers start children. */
export function hasChildren(chance: Chance): boolean {
  return chance.between(1, 6) === 1
}

/** Tasks with children, of which only the end of the parent ends some; while they are started, nodes and threads die. */
export function withChildren(
  chance: Chance,
  joining: Chance,
  { length, machines, slots, preemption }: Setting,
): readonly Happening[] {
  // They must leave a slot to their parents, on any one node, or these never end either.
  let endless = Math.min(...slots) - 1
  const submits = Array.from({ length: chance.between(1, 3) }, (): Happening => {
    const steps: Step[] = []
    for (let number = 0; number < chance.between(1, 5); number++) {
      const sleeps = chance.of([0, 500, 3_000, null, null])!
      const takes: Step = sleeps === null && endless-- > 0 ? ['endless'] : ['sleep', sleeps ?? 3_000]
      steps.push(['spawn', `child ${number}`, takes])
      if (chance.next() < 0.5) steps.push(['sleep', chance.between(1, 1_500)])
      if (chance.next() < 0.2) steps.push(['checkpoint'])
      if (chance.next() < 0.2) steps.push(['throw', 1])
    }
    // Where handlers keep their slots, those that wait for children would leave them none.
    if (!preemption && joining.next() < 0.6) steps.push(['join', joining.of(joinModes)!])
    return {
      at: chance.between(0, length >> 1),
      kind: 'submit',
      node: chance.between(0, 99),
      drafts: [
        {
          type: chance.of(['inline', 'limited', 'threaded', 'fragile'])!,
          steps,
          priority: 0,
          maxAttempts: chance.between(1, 4),
          backoff: chance.of([0, 1])!,
        },
      ],
      waits: false,
    }
  })
  const disturbances = Array.from({ length: chance.between(1, 5) }, (): Happening => {
    const at = chance.between(0, length)
    const machine = chance.between(0, machines - 1)
    if (chance.next() < 0.4) return { at, kind: 'kill', machine, restartIn: chance.between(1, 3_000) }
    if (chance.next() < 0.3) return { at, kind: 'crash-run', machine }
    if (chance.next() < 0.4) {
      const control = chance.of(['cancel', 'cancel', 'retry', 'pause'] as const)!
      const [node, task] = [chance.between(0, 99), chance.between(0, 8)]
      return { at, kind: 'control', node, task, control, wait: 0, fromStart: chance.next() < 0.3 }
    }
    return { at, kind: 'freeze', machine, whole: chance.next() < 0.5, ms: chance.of([300, 8_000, 25_000])! }
  })
  return [...submits, ...disturbances]
}

/** Knows which children the store has committed. Each check returns what is wrong. */
export class ChildWitness {
  /** By parent, then by the place of the child in a run. */
  readonly #children = new Map<TaskId, Map<string, TaskId>>()
  /** Tasks that may be told of the ends of children. */
  readonly #watching = new Set<TaskId>()

  submitted(answer: Submitted): string | undefined {
    if (answer.kind !== 'accepted') return undefined
    for (const { task } of answer.tasks) {
      const { parent } = task
      if (parent === null) continue
      const all = this.#children.get(parent.id) ?? new Map<string, TaskId>()
      this.#children.set(parent.id, all)
      const place = `${parent.occurrence} ${parent.name}`
      const known = all.get(place)
      if (known !== undefined && known !== task.id)
        return `${parent.id} has two children "${parent.name}": ${known} and ${task.id}`
      all.set(place, task.id)
    }
    return undefined
  }

  /** A run of this task watches children from now on. */
  watched({ id }: Pick<WatchRequest, 'id'>, answer: Watched | null): void {
    if (answer !== null) this.#watching.add(id)
  }

  /** A task is told once, and not before it looks again. */
  released(moved: readonly Move[]): string | undefined {
    for (const { task, entry } of moved) {
      if (entry.event !== 'children_ended') continue
      if (!this.#watching.delete(task.id))
        return `${task.id} was told of the end of children for which it no longer waits`
    }
    return undefined
  }

  /** What is retried from the start starts its children anew. */
  controlled(commands: readonly Command[], answers: readonly Controlled[]): void {
    for (const [index, { id, control, fromStart }] of commands.entries())
      if (control === 'retry' && fromStart === true && answers[index]?.kind === 'moved')
        this.#children.delete(id)
  }
}
