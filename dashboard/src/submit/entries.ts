import type { Field } from './schema.ts'

/** Input of the fields, by path: strings as typed, booleans for switches. */
export type Entries = Readonly<Record<string, string | boolean>>

export type Parameters = Readonly<Record<string, unknown>>

/** Validation errors by path, like the server's `errors`. */
export type Faults = Readonly<Record<string, string>>

export function keyOf({ path }: Pick<Field, 'path'>): string {
  return path.join('.')
}

/** The fields with a value; groups only contain other fields. */
export function leavesOf(fields: readonly Field[]): readonly Field[] {
  return fields.flatMap((field) => (field.kind === 'group' ? leavesOf(field.fields) : [field]))
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
    const value = valueOf(field, entries[keyOf(field)])
    if (value instanceof Fault) faults[keyOf(field)] = value.message
    else if (value !== undefined) define(parameters, field, value)
  }
  return { parameters, faults }
}

function isUntouched(fields: readonly Field[], entries: Entries): boolean {
  return leavesOf(fields).every((leaf) =>
    [undefined, ''].includes(entries[keyOf(leaf)] as string | undefined),
  )
}

/** The entries for these parameters; null if the fields cannot represent all of them. */
export function entriesOf(fields: readonly Field[], parameters: Parameters): Entries | null {
  if (Object.keys(parameters).some((name) => !fields.some(({ path }) => path.at(-1) === name))) return null
  const entries: Record<string, string | boolean> = {}
  for (const field of fields) {
    const value = own(parameters, field.path.at(-1) ?? '')
    if (value === undefined) continue
    if (field.kind === 'group') {
      const inner = isObject(value) ? entriesOf(field.fields, value) : null
      if (inner === null) return null
      Object.assign(entries, inner)
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
  return new Fault('must be a JSON object')
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
      return Number.isNaN(Number(text)) ? new Fault('must be a number') : Number(text)
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
  return kind === 'lines' ? [] : new Fault('Required')
}

function entryOf(field: Field, value: unknown): string | boolean | undefined {
  switch (field.kind) {
    case 'number':
      return typeof value === 'number' ? String(value) : undefined
    case 'text':
      return typeof value === 'string' ? value : undefined
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
    return new Fault(`is not JSON: ${(error as Error).message}`)
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
