import type { TypeDetails } from '../../../src/client/index.ts'
import type { Stats } from '../data/shapes.ts'
import { say } from '../language/say.ts'
import type { Figures } from './figures.ts'

/** A row of the table. */
export type TypeRow = Readonly<{
  type: TypeDetails
  counts: Stats['types'][string]['counts']
  figures: Figures | undefined
}>

/** The columns by which types are sorted; null where a type has no value. */
export const columns = {
  name: { title: say.common.type, of: ({ type }) => type.type },
  queued: { title: say.common.queued, of: ({ counts }) => counts.queued ?? 0 },
  running: { title: say.common.running, of: ({ counts }) => counts.running ?? 0 },
  rate: { title: say.types.runsPerHour, of: ({ figures }) => figures?.perHour ?? 0 },
  failures: { title: say.types.failed, of: ({ figures }) => figures?.failureRate ?? null },
  run50: { title: say.types.runP50, of: ({ figures }) => figures?.run?.p50 ?? null },
  run95: { title: say.types.runP95, of: ({ figures }) => figures?.run?.p95 ?? null },
  run99: { title: say.types.runP99, of: ({ figures }) => figures?.run?.p99 ?? null },
  queue50: { title: say.types.queuedP50, of: ({ figures }) => figures?.queue?.p50 ?? null },
  queue95: { title: say.types.queuedP95, of: ({ figures }) => figures?.queue?.p95 ?? null },
  queue99: { title: say.types.queuedP99, of: ({ figures }) => figures?.queue?.p99 ?? null },
} as const satisfies Readonly<
  Record<string, Readonly<{ title: string; of: (row: TypeRow) => string | number | null }>>
>
export type Column = keyof typeof columns

export type Sort = Readonly<{ by: Column; isDescending: boolean }>

/** The order in an address: `rate`, or `-rate` for the largest first. */
export function sortOf(text: string | null): Sort {
  const by = text?.replace(/^-/, '') ?? ''
  return Object.hasOwn(columns, by)
    ? { by: by as Column, isDescending: text?.startsWith('-') === true }
    : { by: 'name', isDescending: false }
}

/** After a click on a heading: the other way, or by this column, numbers from the largest. */
export function turned({ by, isDescending }: Sort, column: Column): string {
  const next = by === column ? !isDescending : column !== 'name'
  return `${next ? '-' : ''}${column}`
}

/** Types without a value come last either way; equal ones are in the order of their names. */
export function sorted(rows: readonly TypeRow[], { by, isDescending }: Sort): TypeRow[] {
  const { of } = columns[by]
  return rows.toSorted((a, b) => {
    const [one, other] = [of(a), of(b)]
    if (one !== other && one === null) return 1
    if (one !== other && other === null) return -1
    const order = one === null || other === null || one === other ? 0 : one < other ? -1 : 1
    return (isDescending ? -order : order) || (a.type.type < b.type.type ? -1 : 1)
  })
}
