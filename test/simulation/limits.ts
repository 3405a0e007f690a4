import { bucketOf, limitOf, type LimitDefinition } from '../../src/core/limits.ts'
import { isSuspect, type Status, type Task, type TaskId } from '../../src/core/task.ts'
import type { AdmissionRules } from '../../src/registry/admission.ts'
import type { TypeLimit } from '../../src/store/store.ts'
import type { Chance } from '../support/chance.ts'
import type { Happening, SubmitDraft } from './script.ts'

/** What the types of a world declare. */
export type SimulatedLimits = Readonly<{
  definitions: readonly LimitDefinition[]
  /** Milliseconds; null if priorities do not rise. */
  aging: number | null
}>

const weights = new Map([
  ['x', 3],
  ['crowd', 2],
])
const limitNames = ['first', 'second', 'third'] as const

/** Every fourth world has limits, and tenants that take turns. */
export function limitsOf(chance: Chance): SimulatedLimits | null {
  if (chance.between(1, 4) > 1) return null
  const definitions = limitNames
    .slice(0, chance.between(1, limitNames.length))
    .map((name) => definitionOf(chance, name))
  return { definitions, aging: chance.next() < 0.2 ? chance.of([1_000, 3_000])! : null }
}

function definitionOf(chance: Chance, name: string): LimitDefinition {
  const kind = chance.of(['concurrency', 'concurrency', 'rate', 'both'] as const)!
  return {
    name,
    concurrency: kind === 'rate' ? null : chance.between(1, 2),
    rate:
      kind === 'concurrency' ? null : { limit: chance.between(1, 3), per: chance.of([300, 1_000, 4_000])! },
    scope: chance.next() < 0.25 ? 'node' : 'global',
  }
}

/** For a type whose submits give the keys. */
export function admissionOf({ definitions, aging }: SimulatedLimits): AdmissionRules {
  return {
    limits: definitions.map((definition) => ({ name: definition.name, key: () => null, definition })),
    fairnessKey: null,
    weight: (key) => weights.get(key) ?? 1,
    aging,
  }
}

/** The script with keys in its submits, changes of limits, and in half of the worlds a crowd beside a single task. */
export function withLimits(
  happenings: readonly Happening[],
  { definitions }: SimulatedLimits,
  length: number,
  chance: Chance,
): readonly Happening[] {
  const admitted = (draft: SubmitDraft): SubmitDraft => {
    const keys = definitions.flatMap(({ name }) =>
      chance.next() < 0.6 ? [[name, chance.of(['a', 'b'])!] as const] : [],
    )
    const tenant = chance.of([undefined, 'x', 'y'])
    return { ...draft, limits: Object.fromEntries(keys), ...(tenant === undefined ? {} : { tenant }) }
  }
  const changes = Array.from({ length: chance.between(0, 3) }, (): Happening => {
    const { name } = chance.of(definitions)!
    const isGone = chance.next() < 0.2
    return {
      at: chance.between(0, length),
      kind: 'limit',
      node: chance.between(0, 99),
      name,
      definition: isGone ? null : definitionOf(chance, name),
    }
  })
  return [
    ...happenings.map((one) => ('drafts' in one ? { ...one, drafts: one.drafts.map(admitted) } : one)),
    ...changes,
    ...(chance.next() < 0.5 ? crowdOf(chance, length) : []),
  ]
}

/** A tenant with many tasks, and later one with a single task. */
function crowdOf(chance: Chance, length: number): readonly Happening[] {
  const at = chance.between(0, length >> 1)
  const submit = (tenant: string, at: number, count: number): Happening => ({
    at,
    kind: 'submit',
    node: chance.between(0, 99),
    drafts: Array.from({ length: count }, () => ({
      type: 'inline',
      steps: [['sleep', chance.of([50, 300, 1_000])!]],
      priority: 0,
      maxAttempts: 1,
      backoff: 0,
      tenant,
    })),
    waits: false,
  })
  return [submit('crowd', at, chance.between(8, 16)), submit('lone', at + chance.between(50, 1_500), 1)]
}

/** What holds a place under limits: a running task, or code that was fenced off. */
export type Holder = Readonly<{ task: Task; node: string }>

type Waiting = { readonly version: number; readonly passed: Map<string, number> }

/**
 * Knows what runs and starts under limits, from the rows that the store has committed and the code that really runs, and how
 * often others went ahead of a task that waits for its turn. Each check returns what is wrong.
 */
export class LimitWitness {
  #definitions = new Map<string, LimitDefinition>()
  /** The most that a limit has ever allowed at once; infinite while it did not bound that. */
  readonly #most = new Map<string, number>()
  /** Starts that a rate allows now, by bucket and node. */
  readonly #starts = new Map<string, { left: number; at: number }>()
  /** How often a task of a fairness key was queued. */
  readonly #queued = new Map<string, number>()
  readonly #waiting = new Map<TaskId, Waiting>()
  readonly #hasRates: boolean

  /** `hasRates`: time is known well enough to count starts in it. */
  constructor(hasRates: boolean) {
    this.#hasRates = hasRates
  }

  /** What holds from now on. */
  defined(definitions: readonly LimitDefinition[]): void {
    const gone = [...this.#definitions.keys()].filter((name) => !definitions.some((one) => one.name === name))
    for (const name of gone) this.#most.set(name, Number.POSITIVE_INFINITY)
    const changed = definitions.filter((one) => {
      const before = this.#definitions.get(one.name)
      return before?.rate?.limit !== one.rate?.limit || before?.rate?.per !== one.rate?.per
    })
    for (const name of this.#starts.keys()) {
      const [bucket] = JSON.parse(name) as [string]
      if (changed.some((one) => one.name === limitOf(bucket).name)) this.#starts.delete(name)
    }
    for (const { name, concurrency, scope } of definitions) {
      const before = this.#definitions.get(name)
      // What each node counted for itself runs on.
      const isWider = before !== undefined && before.scope !== scope
      const most = isWider ? null : concurrency
      this.#most.set(name, Math.max(this.#most.get(name) ?? 0, most ?? Number.POSITIVE_INFINITY))
    }
    this.#definitions = new Map(definitions.map((one) => [one.name, one]))
  }

  moved({ admission }: Task, from: Status | undefined, to: Status): void {
    if (to !== 'queued' || from === 'queued') return
    const flow = admission?.fairnessKey ?? ''
    this.#queued.set(flow, (this.#queued.get(flow) ?? 0) + 1)
  }

  /** A claim of a node. `holders`: with what it has taken. */
  claimed(
    node: string,
    claimed: readonly Task[],
    holders: readonly Holder[],
    now: number,
  ): string | undefined {
    for (const task of claimed) {
      for (const limit of task.admission?.limits ?? []) {
        const definition = this.#definitions.get(limit.name)
        if (definition === undefined) continue
        const { concurrency, rate, scope } = definition
        const bucket = bucketOf(limit)
        const held = holders.filter(
          (one) => isUnder(one.task, bucket) && (scope === 'global' || one.node === node),
        )
        if (concurrency !== null && held.length > concurrency)
          return `${held.length} tasks hold ${bucket} after a claim of ${task.id}; the limit is ${concurrency}`
        if (rate === null || !this.#hasRates) continue
        const name = JSON.stringify([bucket, scope === 'global' ? '' : node])
        const { left, at } = this.#starts.get(name) ?? { left: rate.limit, at: now }
        const earned = ((now - at) * rate.limit) / rate.per
        const after = Math.min(rate.limit, left + earned) - 1
        this.#starts.set(name, { left: after, at: now })
        if (after < -0.01)
          return `${task.id} starts under ${bucket} too early: ${rate.limit} may start in ${rate.per} ms`
      }
    }
    return undefined
  }

  /** Slots that the store counts, by limit, against those that are held. */
  counted(
    running: readonly Readonly<{ name: string; running: number }>[],
    holders: readonly Holder[],
  ): string | undefined {
    for (const { name, running: counted } of running) {
      const held = holders.filter(({ task }) => task.admission?.limits.some((one) => one.name === name))
      if (held.length !== counted) return `limit ${name} counts ${counted} slots; ${held.length} are held`
    }
    return undefined
  }

  /** Code that really runs. */
  running(holders: readonly Holder[]): string | undefined {
    const counts = new Map<string, number>()
    for (const { task, node } of holders) {
      for (const limit of task.admission?.limits ?? []) {
        const isPerNode = this.#definitions.get(limit.name)?.scope === 'node'
        const name = JSON.stringify([bucketOf(limit), isPerNode ? node : ''])
        const count = (counts.get(name) ?? 0) + 1
        counts.set(name, count)
        const most = this.#most.get(limit.name) ?? Number.POSITIVE_INFINITY
        if (count > most) return `the code of ${count} tasks under ${name} runs at once; the limit is ${most}`
      }
    }
    return undefined
  }

  /**
   * Turns, among tasks that nothing but their turn holds back. `waited`: what was queued when the claim was made; what it has
   * taken may have come before or after what it has left.
   */
  took(
    claimed: readonly Task[],
    waited: readonly Task[],
    types: readonly TypeLimit[],
    isHeld: (type: string) => boolean,
  ): string | undefined {
    const isFree = ({ type, crashes, admission }: Task) =>
      !isHeld(type) &&
      !isSuspect({ crashes }) &&
      (admission?.limits ?? []).length === 0 &&
      (admission?.aging ?? null) === null &&
      types.some((one) => one.type === type && one.concurrency === null)
    const taken = claimed.filter(isFree)
    const ids = new Set(claimed.map(({ id }) => id))
    for (const id of ids) this.#waiting.delete(id)
    for (const task of waited) {
      // A task that may have expired does not start any more.
      if (ids.has(task.id) || !isFree(task) || task.expiresAt !== null) continue
      const lower = taken.find(({ priority }) => priority < task.priority)
      if (lower !== undefined)
        return `${lower.id} of priority ${lower.priority} starts before ${task.id} of ${task.priority}`
      const wrong = this.#passed(task, taken)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  #passed(task: Task, taken: readonly Task[]): string | undefined {
    const flow = task.admission?.fairnessKey ?? ''
    let waiting = this.#waiting.get(task.id)
    if (waiting?.version !== task.version) waiting = { version: task.version, passed: new Map() }
    this.#waiting.set(task.id, waiting)
    for (const { priority, admission, type } of taken) {
      const other = admission?.fairnessKey ?? ''
      if (priority !== task.priority || other === flow || type !== task.type) continue
      const count = (waiting.passed.get(other) ?? 0) + 1
      waiting.passed.set(other, count)
      const turns = (this.#queued.get(flow) ?? 1) / (task.admission?.weight ?? 1)
      const most = Math.ceil(turns * (admission?.weight ?? 1)) + 2
      if (count > most)
        return `${task.id} of ${flow} has waited for ${count} tasks of ${other}; ${most} have their turn before`
    }
    return undefined
  }
}

function isUnder({ admission }: Task, bucket: string): boolean {
  return admission?.limits.some((limit) => bucketOf(limit) === bucket) ?? false
}
