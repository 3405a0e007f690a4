import { DefinitionInvalid, TypeUnknown } from '../core/errors.ts'
import { hasSameBounds, type Limit } from '../core/limits.ts'
import type { PreemptionRule } from '../core/preemption.ts'
import type { AnyTaskType } from './type.ts'

/** The types of remote workers, which change while a node runs. */
type Remote = {
  /** All that are known, also those whose workers are gone. */
  known: ReadonlyMap<string, AnyTaskType>
  /** Those that a live worker runs. */
  live: ReadonlySet<string>
  revision: number
}

/** The task types that a node knows: its own, and those of remote workers. */
export class Registry {
  readonly #types = new Map<string, AnyTaskType>()
  readonly #remote: Remote
  readonly #only: readonly string[] | null
  readonly #limits = new Map<string, Limit>()

  /** `of`: shares the remote types of that registry, if they are among `only`. */
  constructor(types: Iterable<AnyTaskType>, of?: Registry, only: readonly string[] | null = null) {
    this.#remote = of === undefined ? { known: new Map(), live: new Set(), revision: 0 } : of.#remote
    this.#only = only
    for (const type of types) {
      const earlier = this.#types.get(type.type)
      if (earlier !== undefined) throw definedTwice(earlier, type)
      this.#types.set(type.type, type)
    }
    for (const type of this.#types.values()) this.#addLimits(type)
  }

  /** Types that can be run: without those of workers that are gone. */
  get names(): string[] {
    const own = [...this.#types.keys()]
    const { live } = this.#remote
    return live.size === 0 ? own : [...own, ...[...live].filter((type) => this.#sees(type))]
  }

  /** Types that can be submitted: with those of workers that are gone. */
  get known(): string[] {
    const { known } = this.#remote
    return [...this.#types.keys(), ...[...known.keys()].filter((type) => this.#sees(type))]
  }

  /** The types that this node runs itself. */
  get own(): readonly AnyTaskType[] {
    return [...this.#types.values()]
  }

  /** Rises with every change of the remote types. */
  get revision(): number {
    return this.#remote.revision
  }

  /** Whether this node runs the type itself. */
  isOwn(type: string): boolean {
    return this.#types.has(type)
  }

  /** Replaces the remote types. A node's own type of the same name hides one. */
  setRemote(known: ReadonlyMap<string, AnyTaskType>, live: ReadonlySet<string>): void {
    const remote = this.#remote
    const isSame =
      known.size === remote.known.size &&
      live.size === remote.live.size &&
      [...known].every(([name, type]) => remote.known.get(name) === type) &&
      [...live].every((name) => remote.live.has(name))
    if (!isSame) Object.assign(remote, { known, live, revision: remote.revision + 1 })
  }

  /** A registry of these types only. */
  limitedTo(types: readonly string[]): Registry {
    return new Registry(
      this.own.filter(({ type }) => types.includes(type)),
      this,
      types,
    )
  }

  find(type: string): AnyTaskType | undefined {
    return this.#types.get(type) ?? (this.#sees(type) ? this.#remote.known.get(type) : undefined)
  }

  /** Throws `TypeUnknown`. */
  get(type: string): AnyTaskType {
    const found = this.find(type)
    if (found === undefined) throw new TypeUnknown(type, this.names)
    return found
  }

  /** Throws `TypeUnknown`, or `DefinitionInvalid` if another definition has this name here. */
  mustHave(type: AnyTaskType): void {
    if (this.get(type.type) === type) return
    throw new DefinitionInvalid(
      `task type ${JSON.stringify(type.type)}: this manager has a different definition of it`,
    )
  }

  /** The poison limits that differ from the default, by type. */
  get poisonLimits(): ReadonlyMap<string, number> {
    return new Map(
      this.own.flatMap(({ type, poisonLimit }) => (poisonLimit === null ? [] : [[type, poisonLimit]])),
    )
  }

  /** Of its own types whose tasks make room for urgent ones. */
  get preemptionRules(): ReadonlyMap<string, PreemptionRule> {
    return new Map(
      this.own.flatMap(({ type, preemption }) => (preemption === null ? [] : [[type, preemption]])),
    )
  }

  /** The limits that types define. */
  get limits(): readonly Limit[] {
    return [...this.#limits.values()]
  }

  *[Symbol.iterator](): IterableIterator<AnyTaskType> {
    for (const name of this.names) yield this.get(name)
  }

  #sees(type: string): boolean {
    if (this.#types.size > 0 && this.#types.has(type)) return false
    return this.#only === null || this.#only.includes(type)
  }

  #addLimits({ type, admission }: AnyTaskType): void {
    for (const { name, definition } of admission?.limits ?? []) {
      if (definition === null) continue
      const earlier = this.#limits.get(name)
      const limit = { ...definition, origin: type }
      if (earlier === undefined) this.#limits.set(name, limit)
      else if (!hasSameBounds(earlier, limit))
        throw new DefinitionInvalid(
          `limit ${JSON.stringify(name)} is defined differently by the types ${earlier.origin} and ${type}; define it in one, and only name it in the other`,
        )
    }
  }
}

function definedTwice(earlier: AnyTaskType, again: AnyTaskType): DefinitionInvalid {
  const at = ({ definedAt }: AnyTaskType) => definedAt ?? 'an unknown location'
  return new DefinitionInvalid(
    `task type ${JSON.stringify(again.type)} is defined twice: at ${at(earlier)} and at ${at(again)}; rename one`,
  )
}
