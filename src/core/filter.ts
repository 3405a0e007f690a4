import { isTerminal, type Json, type Status, type Task } from './task.ts'

/** Which tasks are meant. Omitted fields do not restrict; an empty list matches nothing. */
export type Filter = Readonly<{
  statuses?: readonly Status[]
  types?: readonly string[]
  /** Tasks with this tag. */
  tag?: string
  /** Tasks with at least one of these tags. */
  anyTag?: readonly string[]
  /** Tasks submitted by the caller of this name. */
  createdBy?: string
  /** Children of this task. */
  parent?: string
  /** Failed tasks whose failure has this fingerprint; `statuses` must allow no others. */
  fingerprint?: string
  /** Finished tasks that were active for at least this many milliseconds; `statuses` should allow no others. */
  tookMin?: number
  /** Finished tasks that were active for at most this many milliseconds; `statuses` should allow no others. */
  tookMax?: number
  /** See `hasText`. */
  text?: string
  /** Created at or after this time. */
  createdAfter?: number
  /** Created before this time. */
  createdBefore?: number
}>

const submissionOrders = ['newest', 'oldest'] as const
const endOrders = ['ended_newest', 'ended_oldest'] as const

/** By the time of the submit, or by that of the end, which leaves out what has not ended. */
export type Order = (typeof submissionOrders)[number] | (typeof endOrders)[number]

/**
 * Orders of a list: by the time of the submit, by that of the end, or by how long tasks ran, of the newest 10,000 that match. The last
 * four leave out what has not ended.
 */
export const listOrders = [...submissionOrders, ...endOrders, 'longest', 'shortest'] as const
export type ListOrder = (typeof listOrders)[number]

export function isByEnd(order: Order): boolean {
  return order === 'ended_newest' || order === 'ended_oldest'
}

export function isNewestFirst(order: Order): boolean {
  return order === 'newest' || order === 'ended_newest'
}

/**
 * The tasks that a page of a list looks at: in an order by the end, all that have ended; otherwise those of an id, a parent or
 * a tag, or else those of types and statuses; see the port of the store.
 */
export function isCandidate(task: Task, filter: Filter, order: Order): boolean {
  if (isByEnd(order)) return task.completedAt !== null
  const { text, tag, parent } = filter
  if (text !== undefined && isIdPrefix(text)) return task.id.startsWith(text) && isWithin(task, filter)
  if (parent !== undefined) return task.parent?.id === parent && isWithin(task, filter)
  return (tag === undefined ? isOf(task, filter) : task.tags.includes(tag)) && isWithin(task, filter)
}

/** What a search for text looks at instead of what is stored. */
export type Searched = (task: Task, parameters: Json) => Readonly<{ task: Task; parameters: Json }>

/** Whether the task matches the whole filter. `parameters` is called only if they have to be read. */
export function matches(
  task: Task,
  parameters: () => Json,
  filter: Filter,
  searched: Searched = asStored,
): boolean {
  if (!fits(task, filter)) return false
  const { text } = filter
  if (text === undefined) return true
  return isIdPrefix(text) ? task.id.startsWith(text) : hasText(searched(task, parameters()), text)
}

const asStored: Searched = (task, parameters) => ({ task, parameters })

/** Whether the task matches everything except the text. */
export function fits(task: Task, filter: Filter): boolean {
  const { tag, anyTag, createdBy, parent, fingerprint } = filter
  return (
    isOf(task, filter) &&
    (tag === undefined || task.tags.includes(tag)) &&
    (anyTag === undefined || anyTag.some((one) => task.tags.includes(one))) &&
    (createdBy === undefined || task.createdBy === createdBy) &&
    (parent === undefined || task.parent?.id === parent) &&
    (fingerprint === undefined || (task.status === 'failed' && task.error?.fingerprint === fingerprint)) &&
    hasTaken(task, filter) &&
    isWithin(task, filter)
  )
}

function isOf({ status, type }: Task, { statuses: of, types }: Filter): boolean {
  return (of === undefined || of.includes(status)) && (types === undefined || types.includes(type))
}

/**
 * Whether candidates have to be checked: the index that leads to them covers only types, statuses and times, and none of these in an
 * order by the end.
 */
export function mustMatch(filter: Filter, order: Order): boolean {
  return isByEnd(order) || hasMore(filter)
}

function hasMore({ text, tag, anyTag, createdBy, parent, fingerprint, tookMin, tookMax }: Filter): boolean {
  return [text, tag, anyTag, createdBy, parent, fingerprint, tookMin, tookMax].some(
    (part) => part !== undefined,
  )
}

/** The time of a task that can still run is not known yet. */
function hasTaken({ status, activeMs }: Task, { tookMin, tookMax }: Filter): boolean {
  if (tookMin === undefined && tookMax === undefined) return true
  return isTerminal(status) && activeMs >= (tookMin ?? 0) && activeMs <= (tookMax ?? Number.POSITIVE_INFINITY)
}

function isWithin({ createdAt }: Task, { createdAfter, createdBefore }: Filter): boolean {
  return createdAt >= (createdAfter ?? 0) && createdAt < (createdBefore ?? Number.POSITIVE_INFINITY)
}

/**
 * Whether the text begins the id, or occurs in the parameters as people write them, or in code or message of the error. The
 * letters a to z ignore case, which every store can do.
 */
function hasText({ task, parameters }: ReturnType<Searched>, text: string): boolean {
  const wanted = folded(text)
  const { error } = task
  return (
    folded(task.id).startsWith(wanted) ||
    folded(readable(parameters)).includes(wanted) ||
    // A text with a backslash may have been copied from a JSON document.
    (wanted.includes('\\') && folded(parameters).includes(wanted)) ||
    (error !== null && (folded(error.code).includes(wanted) || folded(error.message).includes(wanted)))
  )
}

/** The document with unescaped strings: `C:\temp`, not `C:\\temp`. */
function readable(json: Json): string {
  if (!json.includes('\\')) return json
  return json.replaceAll(/\\(?:u[\da-fA-F]{4}|.)/g, meantBy)
}

const controls: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function meantBy(escape: string): string {
  const [, letter = ''] = escape
  if (letter === 'u') return String.fromCharCode(Number.parseInt(escape.slice(2), 16))
  return controls[letter] ?? letter
}

/** Text of this form is only matched against beginnings of ids, which needs no scan: `019a3c5e-7d2b`, or more of an id. */
export function isIdPrefix(text: string): boolean {
  return text.length <= 36 && /^[\da-f]{8}-[\da-f]{4}[\da-f-]*$/.test(text)
}

function folded(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
