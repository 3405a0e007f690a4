import { masked, pointerOf, withoutMasks, type Pointer } from '../core/redaction.ts'

export { mask } from '../core/redaction.ts'

/** For forms: `pointers` as task types list them in `sensitive`. */

/** A copy with masks in place of sensitive values, to be shown. */
export function hidden(parameters: unknown, pointers: readonly string[]): unknown {
  return masked(structuredClone(parameters), pointersOf(pointers))
}

/** A copy of the parameters of a task without masks, to be filled in again; `removed`: whether there were any. */
export function refillable(
  parameters: unknown,
  pointers: readonly string[],
): Readonly<{ value: unknown; removed: boolean }> {
  return withoutMasks(structuredClone(parameters), pointersOf(pointers))
}

function pointersOf(texts: readonly string[]): readonly Pointer[] {
  return texts.flatMap((text) => {
    const pointer = pointerOf(text)
    return pointer === undefined ? [] : [pointer]
  })
}
