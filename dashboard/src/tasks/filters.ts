import { listOrders, type ListOrder } from '../../../src/contract/filter-words.ts'
import type { Status, TaskFilter } from '../data/shapes.ts'
import { isStatus } from '../data/statuses.ts'

/** Time spans, in seconds before now. */
export const spans = { '15m': 900, '1h': 3_600, '24h': 86_400, '7d': 604_800 } as const
export type Span = keyof typeof spans

/** The filters of the table, as in the URL. Times are Unix seconds. */
export type Filters = Readonly<{
  statuses: readonly Status[]
  types: readonly string[]
  tag: string
  /** Name of the caller who submitted the task. */
  createdBy: string
  /** Fingerprint of the failures. */
  cause: string
  /** Finished after running for at least, or at most, this many seconds. */
  tookMin: number | null
  tookMax: number | null
  text: string
  /** Created within this time before now; excludes `from` and `until`. */
  since: Span | null
  from: number | null
  until: number | null
  order: ListOrder
}>

export const noFilters: Filters = {
  statuses: [],
  types: [],
  tag: '',
  createdBy: '',
  cause: '',
  tookMin: null,
  tookMax: null,
  text: '',
  since: null,
  from: null,
  until: null,
  order: 'newest',
}

/** Reads filters from a URL; ignores what it does not understand. */
export function filtersOf(search: string): Filters {
  const query = new URLSearchParams(search)
  const since = query.get('since')
  const isSpan = since !== null && Object.hasOwn(spans, since)
  return {
    statuses: list(query.get('status')).filter(isStatus),
    types: list(query.get('type')),
    tag: query.get('tag') ?? '',
    createdBy: query.get('by') ?? '',
    cause: fingerprint(query.get('cause')),
    tookMin: amount(query.get('took_min')),
    tookMax: amount(query.get('took_max')),
    text: query.get('q') ?? '',
    since: isSpan ? (since as Span) : null,
    from: isSpan ? null : time(query.get('from')),
    until: isSpan ? null : time(query.get('until')),
    order: orderOf(query.get('order')) ?? 'newest',
  }
}

/** The URL query for these filters; defaults are omitted. */
export function searchOf(filters: Filters): string {
  const { statuses, types, tag, createdBy, cause, tookMin, tookMax, text, since, from, until, order } =
    filters
  const query = new URLSearchParams()
  if (statuses.length > 0) query.set('status', statuses.join(','))
  if (types.length > 0) query.set('type', types.join(','))
  if (tag !== '') query.set('tag', tag)
  if (createdBy !== '') query.set('by', createdBy)
  if (cause !== '') query.set('cause', cause)
  if (tookMin !== null) query.set('took_min', String(tookMin))
  if (tookMax !== null) query.set('took_max', String(tookMax))
  if (text !== '') query.set('q', text)
  if (since !== null) query.set('since', since)
  if (from !== null) query.set('from', new Date(from * 1_000).toISOString())
  if (until !== null) query.set('until', new Date(until * 1_000).toISOString())
  if (order !== noFilters.order) query.set('order', order)
  return query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
}

/** The filter of the request. A span counts back from `now`, in Unix seconds. */
export function requestOf(filters: Filters, now: number): TaskFilter {
  const { statuses, types, tag, createdBy, cause, tookMin, tookMax, text, since, from, until } = filters
  const after = since === null ? from : Math.floor(now - spans[since])
  return {
    ...(statuses.length > 0 ? { status: statuses } : {}),
    ...(types.length > 0 ? { type: types } : {}),
    ...(tag === '' ? {} : { tag }),
    ...(createdBy === '' ? {} : { created_by: createdBy }),
    ...(cause === '' ? {} : { fingerprint: cause }),
    ...(tookMin === null ? {} : { took_min: tookMin }),
    ...(tookMax === null ? {} : { took_max: tookMax }),
    ...(text === '' ? {} : { q: text }),
    ...(after === null ? {} : { created_after: after }),
    ...(until === null ? {} : { created_before: until }),
  }
}

/** The number of filters that restrict the result; the order does not. */
export function restrictions(filters: Filters): number {
  const { statuses, types, tag, createdBy, cause, tookMin, tookMax, text, since, from, until } = filters
  const set = [
    statuses.length > 0,
    types.length > 0,
    tag !== '',
    createdBy !== '',
    cause !== '',
    tookMin ?? tookMax,
    text !== '',
    since ?? from ?? until,
  ]
  return set.filter((value) => value !== null && value !== false).length
}

/** Null for what is no order of a list. */
export function orderOf(text: string | null): ListOrder | null {
  return listOrders.find((order) => order === text) ?? null
}

/** Whether the list has only tasks that have ended. */
export function isOfEnded({ order, tookMin, tookMax }: Filters): boolean {
  return (order !== 'newest' && order !== 'oldest') || tookMin !== null || tookMax !== null
}

/** Seconds; others would be refused. */
function amount(text: string | null): number | null {
  return text !== null && /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : null
}

/** Others would be refused. */
function fingerprint(text: string | null): string {
  return text !== null && /^[\da-f]{16}$/.test(text) ? text : ''
}

function list(text: string | null): string[] {
  return [...new Set((text ?? '').split(',').filter((part) => part !== ''))]
}

function time(text: string | null): number | null {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? null : ms / 1_000
}
