import type { TaskId } from '../../src/core/task.ts'
import type { StepPage, Store } from '../../src/store/store.ts'
import type { Chance } from '../support/chance.ts'
import type { Step } from './handlers.ts'
import type { LiveRun } from './live-runs.ts'
import type { Happening, Setting } from './script.ts'

/** In every sixth world, handlers store steps. */
export function hasTaskSteps(chance: Chance): boolean {
  return chance.between(1, 6) === 1
}

/** What a run recalls if nothing stores steps. */
export async function noTaskSteps(): Promise<StepPage> {
  return { steps: [], next: null }
}

/** Tasks of several steps, between and in which nodes and threads die. */
export function withTaskSteps(chance: Chance, { length, machines }: Setting): readonly Happening[] {
  const submits = Array.from({ length: chance.between(1, 4) }, (): Happening => {
    const steps: Step[] = []
    for (let number = 0; number < chance.between(2, 6); number++) {
      steps.push(['task-step', `step ${number}`, chance.of([0, 0, 5, 100, 1_000])!])
      if (chance.next() < 0.3) steps.push(['sleep', chance.between(1, 500)])
      if (chance.next() < 0.2) steps.push(['checkpoint'])
      if (chance.next() < 0.1) steps.push(['throw', 1])
    }
    return {
      at: chance.between(0, length >> 1),
      kind: 'submit',
      node: chance.between(0, 99),
      drafts: [
        {
          type: chance.of(['inline', 'limited', 'threaded', 'fragile'])!,
          steps,
          priority: 0,
          maxAttempts: 5,
          backoff: chance.of([0, 50])!,
        },
      ],
      waits: false,
    }
  })
  const deaths = Array.from({ length: chance.between(1, 4) }, (): Happening => {
    const at = chance.between(0, length)
    const machine = chance.between(0, machines - 1)
    if (chance.next() < 0.5) return { at, kind: 'kill', machine, restartIn: chance.between(1, 3_000) }
    if (chance.next() < 0.5) return { at, kind: 'crash-run', machine }
    return { at, kind: 'freeze', machine, whole: chance.next() < 0.5, ms: chance.of([300, 8_000, 25_000])! }
  })
  return [...submits, ...deaths]
}

/** What a run was told about a step. */
type Told = Readonly<{ fence: number; result: string }>

/** Knows which steps runs were told are stored. Each check returns what is wrong. */
export class StepWitness {
  readonly #told = new Map<TaskId, Map<string, Told>>()
  /** How often each step of any task had its effect. */
  readonly effects = new Map<string, number>()

  /** A step that a run knew to be stored has an effect in no later run. */
  did({ identity: { id }, fence }: LiveRun, name: string): string | undefined {
    this.effects.set(name, (this.effects.get(name) ?? 0) + 1)
    const told = this.#told.get(id)?.get(name)
    if (told === undefined || fence <= told.fence) return undefined
    return `${id} repeats "${name}" with fence ${fence}, although the run with fence ${told.fence} knew that it is stored`
  }

  knows({ identity: { id }, fence }: LiveRun, name: string, result: string): string | undefined {
    const all = this.#told.get(id) ?? new Map<string, Told>()
    this.#told.set(id, all)
    const told = all.get(name)
    if (told === undefined) all.set(name, { fence, result })
    return told === undefined || told.result === result
      ? undefined
      : `"${name}" of ${id} was ${told.result} for one run, and is ${result} for another`
  }

  /** It may start anew. */
  retried(id: TaskId): void {
    this.#told.delete(id)
  }

  /** What runs were told is stored. */
  async stored(store: Store, isThere: (id: TaskId) => boolean): Promise<string | undefined> {
    for (const [id, all] of this.#told) {
      if (!isThere(id)) continue
      const page = await store.steps(id, { after: 0, limit: 1_000, bytes: 1e9 })
      for (const [name, { result }] of all) {
        const found = page?.steps.find((step) => step.name === name)
        if (found?.result !== JSON.stringify(result))
          return `${id} was told that "${name}" is ${result}, but ${found?.result ?? 'nothing'} is stored`
      }
    }
    return undefined
  }
}
