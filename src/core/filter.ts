import type { Json, Status, Task } from './task.ts'

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
  /** See `hasText`. */
  text?: string
  /** Created at or after this time. */
  createdAfter?: number
  /** Created before this time. */
  createdBefore?: number
}>

/** Order by submission time. */
export type Order = 'newest' | 'oldest'

/**
 * The tasks that a page of a list looks at: those of an id, a parent or a tag, or else those of types and statuses; see the port of the
 * store.
 */
export function isCandidate(task: Task, filter: Filter): boolean {
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
    isWithin(task, filter)
  )
}

function isOf({ status, type }: Task, { statuses: of, types }: Filter): boolean {
  return (of === undefined || of.includes(status)) && (types === undefined || types.includes(type))
}

/** Whether candidates have to be checked: the index that leads to them covers only types, statuses and times. */
export function mustMatch({ text, tag, anyTag, createdBy, parent, fingerprint }: Filter): boolean {
  return [text, tag, anyTag, createdBy, parent, fingerprint].some((part) => part !== undefined)
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
