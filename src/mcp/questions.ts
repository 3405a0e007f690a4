import type { OpenWait } from './task-server.ts'

/** Waits of tasks as the protocol asks for them, and its answers as tasks get them. */

type Schema = Readonly<Record<string, unknown>>

/** A form, by the key under which it is answered. */
export type InputRequests = Readonly<Record<string, object>>

/** Differs for each wait that a task comes to. */
export function keyOf({ name, occurrence }: Pick<OpenWait, 'name' | 'occurrence'>): string {
  return occurrence === 1 ? name : `${name} (${occurrence})`
}

export function inputRequests(waits: readonly OpenWait[]): InputRequests {
  return Object.fromEntries(
    waits.map((wait) => {
      const message = wait.message ?? `The task waits for an answer to ${JSON.stringify(wait.name)}.`
      const params = { mode: 'form', message, requestedSchema: formOf(wait.schema) }
      return [keyOf(wait), { method: 'elicitation/create', params }]
    }),
  )
}

/** What the form of this wait was filled in with; undefined if it was not. */
export function answerIn({ schema }: OpenWait, response: unknown): Readonly<{ answer: unknown }> | undefined {
  const { action, content } = Object(response) as Readonly<{ action?: unknown; content?: unknown }>
  if (action !== 'accept' || typeof content !== 'object' || content === null) return undefined
  if (fieldsOf(schema) !== undefined) return { answer: content }
  if (!Object.hasOwn(content, single)) return undefined
  const { [single]: value } = content as Readonly<Record<typeof single, unknown>>
  return { answer: fieldOf(schema) === undefined ? fromText(value) : value }
}

/** The field of a form for an answer that is no object. */
const single = 'answer'

/** Forms are flat: anything else is asked for as text. */
function formOf(schema: Schema | null): object {
  const fields = fieldsOf(schema)
  if (fields !== undefined) {
    const required = schema?.['required']
    return { type: 'object', properties: fields, ...(Array.isArray(required) ? { required } : {}) }
  }
  const properties = { [single]: fieldOf(schema) ?? textField(schema) }
  return { type: 'object', properties, required: [single] }
}

function textField(schema: Schema | null): object {
  if (schema === null) return { type: 'string', title: 'Answer' }
  const description = `JSON that matches this schema: ${JSON.stringify(schema).slice(0, 2_000)}`
  return { type: 'string', title: 'Answer', description }
}

function fieldsOf(schema: Schema | null): Readonly<Record<string, object>> | undefined {
  const properties: unknown = schema?.['properties']
  if (schema?.['type'] !== 'object' || typeof properties !== 'object' || properties === null) return undefined
  const fields: Record<string, object> = {}
  for (const [name, property] of Object.entries(properties)) {
    const field = fieldOf(property as Schema)
    if (field === undefined) return undefined
    fields[name] = field
  }
  return Object.keys(fields).length === 0 ? undefined : fields
}

/** What forms know of each type. */
const known: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'enum'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum'],
  boolean: [],
}
const formats: ReadonlySet<unknown> = new Set(['email', 'uri', 'date', 'date-time'])

/** Undefined if a form has no field for it. */
function fieldOf(schema: Schema | null): object | undefined {
  const type = schema?.['type']
  if (schema === null || typeof type !== 'string' || !Object.hasOwn(known, type)) return undefined
  const kept = ['title', 'description', 'default', ...known[type]!].filter((name) => name in schema)
  const format = formats.has(schema['format']) ? { format: schema['format'] } : {}
  return { type, ...Object.fromEntries(kept.map((name) => [name, schema[name]])), ...format }
}

function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value) as unknown
  } catch {
    return value
  }
}
