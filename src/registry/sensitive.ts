import { z } from 'zod'
import { pointerOf, pointerText, type Pointer, type Sensitive } from '../core/redaction.ts'

/** JSON pointers (RFC 6901), in which `*` stands for every item or member. A list is for the parameters. */
export type SensitiveOption =
  | readonly string[]
  | Readonly<{
      parameters?: readonly string[]
      checkpoint?: readonly string[]
      result?: readonly string[]
      /** In the result of each step. */
      steps?: readonly string[]
      /** In each answer to a wait. */
      answers?: readonly string[]
    }>

export type Schemas = Readonly<{
  parameters: Readonly<Record<string, unknown>>
  state: z.ZodType | undefined
}>

/** Null if nothing is sensitive. `refuse` makes the error for a pointer that is wrong or leads to nothing. */
export function sensitiveOf(
  option: SensitiveOption | undefined,
  schemas: Schemas,
  refuse: (message: string) => Error,
): Sensitive | null {
  if (option === undefined) return null
  const given: unknown = Array.isArray(option) ? { parameters: option } : option
  if (typeof given !== 'object' || given === null) throw refuse(form)
  const {
    parameters = [],
    checkpoint = [],
    result = [],
    steps = [],
    answers = [],
    ...others
  } = given as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) throw refuse(`${form}, not "${other}"`)
  const read = (part: keyof Sensitive, texts: unknown, schema: Schema | undefined): readonly Pointer[] => {
    if (!Array.isArray(texts)) throw refuse(form)
    return texts.map((text: unknown) => {
      const pointer = typeof text === 'string' ? pointerOf(text) : undefined
      if (pointer === undefined) {
        throw refuse(
          `sensitive has ${JSON.stringify(text)}, which is no JSON pointer: write it like "/card/number"`,
        )
      }
      if (schema !== undefined) mustLead(pointer, schema, part, refuse)
      return pointer
    })
  }
  const found: Sensitive = {
    parameters: read('parameters', parameters, schemas.parameters),
    checkpoint: read(
      'checkpoint',
      checkpoint,
      schemas.state === undefined ? undefined : schemaOf(schemas.state),
    ),
    result: read('result', result, undefined),
    steps: read('steps', steps, undefined),
    answers: read('answers', answers, undefined),
  }
  return Object.values(found).every((pointers) => pointers.length === 0) ? null : Object.freeze(found)
}

const form =
  'sensitive must be a list of JSON pointers, or { parameters, checkpoint, result, steps, answers } with lists of them'

type Schema = Readonly<Record<string, unknown>>

function schemaOf(state: z.ZodType): Schema {
  return z.toJSONSchema(state, { io: 'output', unrepresentable: 'any' })
}

function mustLead(
  pointer: Pointer,
  root: Schema,
  part: keyof Sensitive,
  refuse: (message: string) => Error,
): void {
  let at: readonly Schema[] = [root]
  for (const [depth, token] of pointer.entries()) {
    const next = at.flatMap((schema) => below(schema, token, root))
    if (next.length === 0) {
      const above = depth === 0 ? `the ${part}` : `"${pointerText(pointer.slice(0, depth))}"`
      const names = [...new Set(at.flatMap((schema) => namesIn(schema, root)))]
      const known =
        names.length === 0 ? '' : `, which has ${names.map((name) => JSON.stringify(name)).join(', ')}`
      throw refuse(
        `sensitive has "${pointerText(pointer)}", but the schema has no ${JSON.stringify(token)} in ${above}${known}`,
      )
    }
    at = next
  }
}

/** The schemas that a value has at this place inside one of this schema; none if it cannot exist. */
function below(schema: unknown, token: string, root: Schema): readonly Schema[] {
  return variantsOf(schema, root).flatMap((variant) => {
    const {
      properties,
      additionalProperties: more,
      patternProperties: patterns,
      items,
      prefixItems,
    } = variant
    const named = propertiesOf(properties)
    const others = [...Object.values(propertiesOf(patterns)), ...(isSchema(more) ? [more] : [])]
    const first = Array.isArray(prefixItems) ? (prefixItems as unknown[]) : []
    const every = isSchema(items) ? [items] : []
    const allows = allowed(variant)
    if (token === '*') {
      return [
        ...(allows.object ? [...Object.values(named), ...others] : []),
        ...(allows.array ? [...first, ...every] : []),
      ].filter(isSchema)
    }
    const found = [
      ...(allows.object ? (Object.hasOwn(named, token) ? [named[token]] : others) : []),
      ...(allows.array && /^(?:0|[1-9]\d*)$/.test(token) ? [first[Number(token)] ?? items] : []),
    ].filter(isSchema)
    return found.length > 0 || !isOpen(variant) ? found : [{}]
  })
}

/** The schema without references and alternatives. */
function variantsOf(schema: unknown, root: Schema, depth = 0): readonly Schema[] {
  if (!isSchema(schema) || depth > 20) return []
  const { $ref, anyOf, oneOf, allOf } = schema
  const inner = [anyOf, oneOf, allOf].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
  const target = typeof $ref === 'string' ? referredBy($ref, root) : undefined
  const others = [...inner, ...(target === undefined ? [] : [target])]
  return others.length === 0 ? [schema] : others.flatMap((other) => variantsOf(other, root, depth + 1))
}

function referredBy(reference: string, root: Schema): unknown {
  const pointer = pointerOf(reference.replace(/^#/, '')) ?? []
  return pointer.reduce<unknown>((value, token) => (isSchema(value) ? value[token] : undefined), root)
}

/** Nothing is said about the value, so anything may be in it. */
function isOpen(schema: Schema): boolean {
  return !['type', 'const', 'enum', 'properties', 'items', 'not'].some((key) => key in schema)
}

function allowed({ type }: Schema): Readonly<{ object: boolean; array: boolean }> {
  const has = (name: string) =>
    type === undefined || type === name || (Array.isArray(type) && type.includes(name))
  return { object: has('object'), array: has('array') }
}

function namesIn(schema: unknown, root: Schema): string[] {
  return variantsOf(schema, root).flatMap(({ properties }) => Object.keys(propertiesOf(properties)))
}

function propertiesOf(value: unknown): Record<string, unknown> {
  return isSchema(value) ? value : {}
}

function isSchema(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The schema in which what is at these pointers is marked, for forms and documentation: `writeOnly`, and strings without a
 * format have the format `password`.
 */
export function marked(schema: Schema, pointers: readonly Pointer[]): Schema {
  return pointers.reduce<Schema>((done, pointer) => markedAt(done, pointer, schema, 0), schema)
}

/** References on the way are replaced by what they refer to, since others may refer to the same. */
function markedAt(schema: Schema, pointer: Pointer, root: Schema, depth: number): Schema {
  const [token, ...rest] = pointer
  if (depth > 40) return schema
  const { $ref, ...own } = schema
  if (typeof $ref === 'string') {
    const target = referredBy($ref, root)
    return isSchema(target) ? markedAt({ ...target, ...own }, pointer, root, depth + 1) : schema
  }
  const inside = (value: unknown) => (isSchema(value) ? markedAt(value, pointer, root, depth + 1) : value)
  const alternatives = Object.fromEntries(
    ['anyOf', 'oneOf', 'allOf']
      .filter((key) => Array.isArray(schema[key]))
      .map((key) => [key, (schema[key] as unknown[]).map(inside)]),
  )
  if (token === undefined) {
    const isText =
      schema['type'] === 'string' && schema['format'] === undefined && schema['enum'] === undefined
    return { ...schema, ...alternatives, writeOnly: true, ...(isText ? { format: 'password' } : {}) }
  }
  const next = (value: unknown) => (isSchema(value) ? markedAt(value, rest, root, depth + 1) : value)
  const properties = propertiesOf(schema['properties'])
  const names = token === '*' ? Object.keys(properties) : Object.hasOwn(properties, token) ? [token] : []
  const isMember = names.length > 0
  const changed = Object.fromEntries(names.map((name) => [name, next(properties[name])]))
  return {
    ...schema,
    ...alternatives,
    ...(isMember ? { properties: { ...properties, ...changed } } : {}),
    ...(token === '*' && isSchema(schema['items']) ? { items: next(schema['items']) } : {}),
    ...(token === '*' && Array.isArray(schema['prefixItems'])
      ? { prefixItems: (schema['prefixItems'] as unknown[]).map(next) }
      : {}),
    ...(token === '*' && isSchema(schema['additionalProperties'])
      ? { additionalProperties: next(schema['additionalProperties']) }
      : {}),
  }
}
