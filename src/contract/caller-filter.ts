import type { Filter } from '../core/filter.ts'
import { statuses, terminalStatuses, type Status } from '../core/task.ts'

/** A filter as callers write it: times and durations in seconds. */
type FilterOfCaller = Readonly<{
  status?: readonly Status[]
  type?: readonly string[]
  tag?: string
  created_by?: string
  parent?: string
  fingerprint?: string
  q?: string
  took_min?: number
  took_max?: number
  created_after?: number
  created_before?: number
}>

/** The filter of a request, in terms of the core. */
export function filterOf(given: FilterOfCaller): Filter {
  const { type, tag, created_by: createdBy, parent, fingerprint, q } = given
  const { created_after: from, created_before: to } = given
  const { took_min: tookMin, took_max: tookMax } = given
  const status = onlyPossible(given)
  return {
    ...(status === undefined ? {} : { statuses: status }),
    ...(type === undefined ? {} : { types: type }),
    ...(tag === undefined ? {} : { tag }),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(parent === undefined ? {} : { parent }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(tookMin === undefined ? {} : { tookMin: Math.ceil(tookMin * 1_000) }),
    ...(tookMax === undefined ? {} : { tookMax: Math.floor(tookMax * 1_000) }),
    ...(q === undefined ? {} : { text: q }),
    ...(from === undefined ? {} : { createdAfter: Math.ceil(from * 1_000) }),
    ...(to === undefined ? {} : { createdBefore: Math.ceil(to * 1_000) }),
  }
}

/** Only failed tasks have a fingerprint, and only finished ones have taken their time. */
function onlyPossible({
  status,
  fingerprint,
  took_min: tookMin,
  took_max: tookMax,
}: FilterOfCaller): readonly Status[] | undefined {
  const possible: readonly Status[] =
    fingerprint !== undefined
      ? ['failed']
      : tookMin !== undefined || tookMax !== undefined
        ? terminalStatuses
        : statuses
  if (possible === statuses) return status
  return status?.filter((one) => possible.includes(one)) ?? possible
}
