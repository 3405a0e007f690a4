import { DefinitionInvalid, TypeUnknown } from '../core/errors.ts'
import type { AnyTaskType } from './type.ts'

/** The task types that a node knows. */
export class Registry {
  readonly #types = new Map<string, AnyTaskType>()

  constructor(types: Iterable<AnyTaskType>) {
    for (const type of types) {
      const earlier = this.#types.get(type.type)
      if (earlier !== undefined) throw definedTwice(earlier, type)
      this.#types.set(type.type, type)
    }
  }

  get names(): string[] {
    return [...this.#types.keys()]
  }

  find(type: string): AnyTaskType | undefined {
    return this.#types.get(type)
  }

  /** Throws `TypeUnknown`. */
  get(type: string): AnyTaskType {
    const found = this.#types.get(type)
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
      [...this].flatMap(({ type, poisonLimit }) => (poisonLimit === null ? [] : [[type, poisonLimit]])),
    )
  }

  [Symbol.iterator](): IterableIterator<AnyTaskType> {
    return this.#types.values()
  }
}

function definedTwice(earlier: AnyTaskType, again: AnyTaskType): DefinitionInvalid {
  const at = ({ definedAt }: AnyTaskType) => definedAt ?? 'an unknown location'
  return new DefinitionInvalid(
    `task type ${JSON.stringify(again.type)} is defined twice: at ${at(earlier)} and at ${at(again)}; rename one`,
  )
}
