import { say } from '../language/say.ts'
import type { Field } from './schema.ts'

/** Input of the fields, by path: strings as typed, booleans for switches. */
export type Entries = Readonly<Record<string, string | boolean>>

export type Parameters = Readonly<Record<string, unknown>>

/** Validation errors by path, like the server's `errors`. */
export type Faults = Readonly<Record<string, string>>

export function keyOf({ path }: Pick<Field, 'path'>): string {
  return path.join('.')
}

/** Where the number of rows of a list is kept, and which shape of a union is chosen. */
export function sizeKeyOf(field: Pick<Field, 'path'>): string {
  return `${keyOf(field)}#`
}

/** The number of rows. */
export function sizeOf(field: Pick<Field, 'path'>, entries: Entries): number {
  return Number(entries[sizeKeyOf(field)] ?? 0)
}

type Union = Field & Readonly<{ kind: 'union' }>

/** The chosen shape of a union; null if it is omitted. */
export function shapeOf(field: Union, entries: Entries): number | null {
  const chosen = entries[sizeKeyOf(field)]
  if (chosen === undefined || chosen === '') return field.isRequired ? 0 : null
  return Number(chosen)
}

/** What a field shows in place of itself, as far as its entries say. */
export function innerOf(field: Field, entries: Entries): readonly Field[] | null {
  switch (field.kind) {
    case 'group':
      return field.fields
    case 'rows':
      return Array.from({ length: sizeOf(field, entries) }, (_, index) => field.rowOf(index)).flat()
    case 'union': {
      const shape = field.options[shapeOf(field, entries) ?? -1]?.field
      return shape === undefined ? [] : [shape]
    }
    default:
      return null
  }
}

/** The fields with a value; groups, rows and unions only contain other fields. */
export function leavesOf(fields: readonly Field[], entries: Entries): readonly Field[] {
  return fields.flatMap((field) => {
    const inner = innerOf(field, entries)
    return inner === null ? (field.kind === 'fixed' ? [] : [field]) : leavesOf(inner, entries)
  })
}

/** The paths at which errors can be shown. */
export function placesOf(fields: readonly Field[], entries: Entries): readonly string[] {
  return fields.flatMap((field) => {
    const below = placesOf(innerOf(field, entries) ?? [], entries)
    const isShown = field.kind !== 'group' && field.kind !== 'fixed'
    return isShown ? [keyOf(field), ...below] : below
  })
}

/** The entries without one row of a list: those after it move up. */
export function withoutRow(
  field: Field & Readonly<{ kind: 'rows' }>,
  entries: Entries,
  row: number,
): Entries {
  const size = sizeOf(field, entries)
  const start = `${keyOf(field)}.`
  const kept = Object.entries(entries).flatMap(([key, entry]): [string, string | boolean][] => {
    const [, number, rest] = key.startsWith(start)
      ? (/^(\d+)(\..*)$/.exec(key.slice(start.length)) ?? [])
      : []
    if (number === undefined || Number(number) < row) return [[key, entry]]
    return Number(number) === row ? [] : [[`${start}${Number(number) - 1}${rest}`, entry]]
  })
  return { ...Object.fromEntries(kept), [sizeKeyOf(field)]: String(size - 1) }
}

/**
 * The parameters for these entries. Empty entries are omitted, so the server applies its defaults. Only what cannot be sent
 * is an error here; the server validates everything else.
 */
export function parametersOf(
  fields: readonly Field[],
  entries: Entries,
): Readonly<{ parameters: Parameters; faults: Faults }> {
  const parameters: Record<string, unknown> = {}
  const faults: Record<string, string> = {}
  for (const field of fields) {
    if (field.kind === 'group') {
      // Its own required fields are required only if it is sent.
      if (!field.isRequired && isUntouched(field.fields, entries)) continue
      const inner = parametersOf(field.fields, entries)
      Object.assign(faults, inner.faults)
      const isEmpty = Object.keys(inner.parameters).length === 0
      if (!isEmpty || field.isRequired) define(parameters, field, inner.parameters)
      continue
    }
    if (field.kind === 'rows') {
      const rows = Array.from({ length: sizeOf(field, entries) }, (_, index) =>
        parametersOf(field.rowOf(index), entries),
      )
      for (const row of rows) Object.assign(faults, row.faults)
      if (rows.length > 0 || field.isRequired)
        define(
          parameters,
          field,
          rows.map((row) => row.parameters),
        )
      continue
    }
    if (field.kind === 'union') {
      const shape = innerOf(field, entries) ?? []
      const inner = parametersOf(shape, entries)
      Object.assign(faults, inner.faults)
      Object.defineProperties(parameters, Object.getOwnPropertyDescriptors(inner.parameters))
      continue
    }
    const value = field.kind === 'fixed' ? field.value : valueOf(field, entries[keyOf(field)])
    if (value instanceof Fault) faults[keyOf(field)] = value.message
    else if (value !== undefined) define(parameters, field, value)
  }
  return { parameters, faults }
}

function isUntouched(fields: readonly Field[], entries: Entries): boolean {
  return leavesOf(fields, entries).every((leaf) =>
    [undefined, ''].includes(entries[keyOf(leaf)] as string | undefined),
  )
}

/** The entries for these parameters; null if the fields cannot represent all of them. */
export function entriesOf(fields: readonly Field[], parameters: Parameters): Entries | null {
  if (Object.keys(parameters).some((name) => !fields.some(({ path }) => path.at(-1) === name))) return null
  const entries: Record<string, string | boolean> = {}
  for (const field of fields) {
    const value = own(parameters, field.path.at(-1) ?? '')
    if (value === undefined) {
      if (field.kind === 'fixed') return null
      continue
    }
    if (field.kind === 'group') {
      const inner = isObject(value) ? entriesOf(field.fields, value) : null
      if (inner === null) return null
      Object.assign(entries, inner)
      continue
    }
    if (field.kind === 'rows') {
      const rows = Array.isArray(value)
        ? value.map((row, index) => (isObject(row) ? entriesOf(field.rowOf(index), row) : null))
        : [null]
      for (const row of rows) {
        if (row === null) return null
        Object.assign(entries, row)
      }
      entries[sizeKeyOf(field)] = String(rows.length)
      continue
    }
    if (field.kind === 'union') {
      const name = field.path.at(-1) ?? ''
      const found = field.options.map(({ field: shape }) =>
        entriesOf([shape], Object.fromEntries([[name, value]])),
      )
      const index = found.findIndex((inner) => inner !== null)
      if (index === -1) return null
      Object.assign(entries, found[index], { [sizeKeyOf(field)]: String(index) })
      continue
    }
    if (field.kind === 'fixed') {
      if (JSON.stringify(value) !== JSON.stringify(field.value)) return null
      continue
    }
    const entry = entryOf(field, value)
    if (entry === undefined) return null
    entries[keyOf(field)] = entry
  }
  return entries
}

/** Parses parameters from JSON, or returns the error. */
export function parametersIn(text: string): Parameters | Fault {
  const value = text.trim() === '' ? {} : parsed(text)
  if (value instanceof Fault || isObject(value)) return value
  return new Fault(say.submit.mustBeAJsonObject)
}

export class Fault {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

function valueOf(field: Field, entry: string | boolean | undefined): unknown {
  if (typeof entry === 'boolean') return entry
  const text = entry ?? ''
  if (text.trim() === '') {
    // Nobody means an empty password.
    const isMeant = field.isRequired && field.kind === 'text' && !field.isSensitive
    return isMeant ? text : field.isRequired ? emptyOf(field) : undefined
  }
  switch (field.kind) {
    case 'number':
      return Number.isNaN(Number(text)) ? new Fault(say.common.mustBeANumber) : Number(text)
    case 'lines':
      return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
    case 'choice':
      return field.choices.find((choice) => JSON.stringify(choice) === text)
    case 'json':
      return parsed(text)
    default:
      return text
  }
}

function emptyOf({ kind }: Field): unknown {
  if (kind === 'switch') return false
  return kind === 'lines' ? [] : new Fault(say.common.required)
}

function entryOf(field: Field, value: unknown): string | boolean | undefined {
  switch (field.kind) {
    case 'number':
      return typeof value === 'number' ? String(value) : undefined
    case 'text':
      return typeof value === 'string' ? value : undefined
    case 'date':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : undefined
    case 'switch':
      return typeof value === 'boolean' ? value : undefined
    case 'lines':
      return Array.isArray(value) && value.every(isLine) ? value.join('\n') : undefined
    case 'choice':
      return field.choices.some((choice) => JSON.stringify(choice) === JSON.stringify(value))
        ? JSON.stringify(value)
        : undefined
    default:
      return JSON.stringify(value, null, 2)
  }
}

function isLine(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value === value.trim() && !value.includes('\n')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    return new Fault(say.submit.isNotJson((error as Error).message))
  }
}

function isObject(value: unknown): value is Parameters {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A parameter can have any name, even `__proto__`. */
function define(parameters: Record<string, unknown>, { path }: Field, value: unknown): void {
  const name = path.at(-1) ?? ''
  Object.defineProperty(parameters, name, { value, enumerable: true, configurable: true, writable: true })
}

function own(parameters: Parameters, name: string): unknown {
  return Object.hasOwn(parameters, name) ? parameters[name] : undefined
}
