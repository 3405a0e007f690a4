import type { Caller } from '../core/caller.ts'
import { Forbidden } from '../core/errors.ts'
import type { Filter } from '../core/filter.ts'
import type { Task } from '../core/task.ts'
import type { Registry } from '../registry/registry.ts'

/** What a caller who is limited to types or tags may see. Types and tags of a task never change. */

export function isLimited({ types, tags }: Caller): boolean {
  return types !== null || tags !== null
}

export function maySee({ types, tags }: Caller, task: Pick<Task, 'type' | 'tags'>): boolean {
  return (
    (types === null || types.includes(task.type)) &&
    (tags === null || tags.some((tag) => task.tags.includes(tag)))
  )
}

/** The filter without tasks that the caller may not see. */
export function visible({ types, tags }: Caller, filter: Filter): Filter {
  const { types: asked, tag } = filter
  const ofTypes =
    types === null ? asked : asked === undefined ? types : asked.filter((type) => types.includes(type))
  const [only] = tags ?? []
  // One tag leads to its tasks by an index.
  const ofTags =
    tags === null || (tag !== undefined && tags.includes(tag))
      ? {}
      : tags.length === 1 && tag === undefined && only !== undefined
        ? { tag: only }
        : { anyTag: tags }
  return { ...filter, ...(ofTypes === undefined ? {} : { types: ofTypes }), ...ofTags }
}

const registries = new WeakMap<Caller, Registry>()

/** The types that the caller may see. */
export function visibleTypes(caller: Caller, all: Registry): Registry {
  const { types } = caller
  if (types === null) return all
  let own = registries.get(caller)
  if (own === undefined) {
    own = all.limitedTo(types)
    registries.set(caller, own)
  }
  return own
}

/** Throws `Forbidden` unless each of these lists of tags has one of the caller's. */
export function mustHaveTag({ tags }: Caller, lists: readonly (readonly string[])[]): void {
  if (tags === null || lists.every((list) => tags.some((tag) => list.includes(tag)))) return
  throw new Forbidden(
    `This key is limited to tags: give each task at least one of ${tags.map((tag) => JSON.stringify(tag)).join(', ')}.`,
  )
}

/** Throws `Forbidden` for calls whose answers or effects concern tasks of others. */
export function mustSeeAll(caller: Caller, what: string): void {
  if (isLimited(caller))
    throw new Forbidden(
      `This key is limited to types or tags, and ${what} all tasks. Use a key without limits.`,
    )
}
