import { listOrders, parseDuration } from '../../../src/contract/filter-words.ts'
import { isStatus, statuses } from '../data/statuses.ts'
import { orderOf, spans, type Filters, type Span } from './filters.ts'

/** What can be written before a colon. */
export const fields = ['type', 'status', 'tag', 'by', 'took', 'since', 'after', 'before', 'order'] as const
type Field = (typeof fields)[number]

/** What a query says. Text that is no filter is searched for. */
export type Asked = Readonly<{
  filters: Filters
  text: string
  /** Parts with a known name and a value that cannot be. */
  wrong: readonly string[]
}>

/**
 * Takes the filters out of a text: `type:import status:failed tag:"two words" took:>30s since:24h timeout`. A repeated type or status adds to
 * the others; each other filter replaces what was set. Known names with a wrong value stay in the text.
 */
export function asked(text: string, filters: Filters): Asked {
  let after = filters
  const wrong: string[] = []
  const rest = text.replaceAll(
    parts,
    (whole, before: string, name: string, quoted?: string, plain?: string) => {
      const value = quoted ?? plain ?? ''
      if (!isField(name) || value === '') return whole
      const next = withField(after, name, value)
      if (next === null) {
        wrong.push(whole.trim())
        return whole
      }
      after = next
      return before
    },
  )
  return { filters: after, text: rest.replaceAll(/\s+/g, ' ').trim(), wrong }
}

/** Whether the text has a filter that is complete: something follows it. */
export function hasFilter(text: string): boolean {
  return Array.from(text.matchAll(parts)).some(([, , name = '']) => isField(name))
}

const parts = /(^|\s)([a-z]+):(?:"([^"]*)"|([^\s"]+))(?=\s|$)/g

/** The whole text with each way to complete its last word, at most `most`. */
export function completions(
  text: string,
  known: Readonly<{ types: readonly string[] }>,
  most = 12,
): string[] {
  const start = text.search(/\S*$/)
  const [before, word] = [text.slice(0, start), text.slice(start)]
  if (word === '' && text !== '') return []
  const colon = word.indexOf(':')
  if (colon === -1) return fields.filter((name) => name.startsWith(word)).map((name) => `${before}${name}:`)
  const name = word.slice(0, colon)
  const begun = word.slice(colon + 1).split(',')
  const last = begun.pop() ?? ''
  const values: Readonly<Partial<Record<string, readonly string[]>>> = {
    type: known.types,
    status: statuses,
    since: Object.keys(spans),
    took: ['>30s', '<30s', '1m..1h'],
    order: listOrders,
  }
  return ((isField(name) ? values[name] : undefined) ?? [])
    .filter((value) => value.startsWith(last) && value !== last && !begun.includes(value))
    .slice(0, most)
    .map((value) => `${before}${name}:${[...begun, value].join(',')} `)
}

/** Null if it cannot have this value. */
function withField(filters: Filters, field: Field, value: string): Filters | null {
  const values = value.split(',').filter((part) => part !== '')
  switch (field) {
    case 'type':
      return { ...filters, types: [...new Set([...filters.types, ...values])] }
    case 'status':
      return values.every(isStatus)
        ? { ...filters, statuses: [...new Set([...filters.statuses, ...values])] }
        : null
    case 'tag':
      return { ...filters, tag: value }
    case 'by':
      return { ...filters, createdBy: value }
    case 'took':
      return withTook(filters, value)
    case 'since':
      return Object.hasOwn(spans, value)
        ? { ...filters, since: value as Span, from: null, until: null }
        : null
    case 'after':
    case 'before': {
      const ms = Date.parse(value)
      if (Number.isNaN(ms)) return null
      return { ...filters, since: null, [field === 'after' ? 'from' : 'until']: ms / 1_000 }
    }
    case 'order': {
      const order = orderOf(value)
      return order === null ? null : { ...filters, order }
    }
  }
}

/** `>30s`, `<5m`, or `30s..5m`, with both ends included. */
function withTook(filters: Filters, value: string): Filters | null {
  const [, sign, one, from, to] =
    /^(?:([<>])=?([^.<>]+(?:\.\d[^.]*)?)|([^<>]+?)\.\.([^<>]+))$/.exec(value) ?? []
  const [least, most] = sign === '>' ? [one, null] : sign === '<' ? [null, one] : [from, to]
  const tookMin = secondsOf(least)
  const tookMax = secondsOf(most)
  if (tookMin === undefined || tookMax === undefined) return null
  return { ...filters, tookMin, tookMax }
}

/** Undefined for what is no duration. */
function secondsOf(text: string | null | undefined): number | null | undefined {
  if (text === null || text === undefined) return text
  const ms = parseDuration(text)
  return ms === undefined || ms > longest ? undefined : ms / 1_000
}

/** Ten years; the server refuses more. */
const longest = 315_360_000_000

function isField(name: string): name is Field {
  return (fields as readonly string[]).includes(name)
}
