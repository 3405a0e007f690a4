import { choicesOf, isChosen, propertiesOf, type JsonSchema } from '../../../src/contract/json-schema.ts'
import { exactCount, say } from '../language/say.ts'

/** One parameter. `json` covers everything that has no kind of its own, so the form can send any value. */
export type Field = Readonly<{
  /** Names from the outside in; joined with dots, this is the server's path. */
  path: readonly string[]
  label: string
  description: string
  isRequired: boolean
  /** The default that the server uses if it is omitted. */
  fallback: unknown
  /** The allowed values, in short: `0 to 10`. */
  hint: string
  /** Hidden while it is typed. */
  isSensitive: boolean
}> &
  Kind

export type Kind =
  | Readonly<{ kind: 'number'; isWhole: boolean }>
  | Readonly<{ kind: 'text'; isLong: boolean }>
  | Readonly<{ kind: 'lines' }>
  | Readonly<{ kind: 'choice'; choices: readonly unknown[] }>
  | Readonly<{ kind: 'switch' }>
  | Readonly<{ kind: 'date'; hasTime: boolean }>
  | Readonly<{ kind: 'group'; fields: readonly Field[] }>
  /** A list of objects: the fields of each row, which counts from 0. */
  | Readonly<{ kind: 'rows'; rowOf: (index: number) => readonly Field[] }>
  /** One of several shapes, each as a field in the place of this one. */
  | Readonly<{ kind: 'union'; options: readonly Option[] }>
  /** Can have only this value, which says which shape of a union it is. */
  | Readonly<{ kind: 'fixed'; value: unknown }>
  | Readonly<{ kind: 'json' }>

export type Option = Readonly<{ name: string; field: Field }>

/** Maximum depth of nested groups; deeper ones are JSON. */
const deepest = 3
/** Strings that may be longer than this get a multi-line field. */
const longText = 200

/** The fields of an object schema; null if only JSON can represent it. */
export function fieldsOf(schema: JsonSchema): readonly Field[] | null {
  const top = resolved(schema, schema)
  if (top.properties === undefined) return top.additionalProperties === false ? [] : null
  return fieldsBelow(top, schema, [])
}

function fieldsBelow(schema: JsonSchema, root: JsonSchema, path: readonly string[]): readonly Field[] {
  return propertiesOf(schema, (given) => resolved(given, root)).map(
    ({ name, schema: property, isRequired }) => fieldOf(property, root, [...path, name], isRequired),
  )
}

function fieldOf(schema: JsonSchema, root: JsonSchema, path: readonly string[], isRequired: boolean): Field {
  const kind = kindOf(schema, root, path)
  return {
    path,
    label: schema.title ?? path.at(-1) ?? '',
    description: schema.description ?? '',
    isRequired,
    fallback: schema.default,
    hint: hintOf(schema, kind),
    isSensitive: schema.writeOnly === true || schema.format === 'password',
    ...kind,
  }
}

/** Null for a union with too many shapes, or one that no field can represent. */
function optionsOf(schema: JsonSchema, root: JsonSchema, path: readonly string[]): readonly Option[] | null {
  const choices = (schema.anyOf ?? schema.oneOf ?? [])
    .filter(({ type }) => type !== 'null')
    .map((choice) => resolved(choice, root))
  if (choices.length < 2 || choices.length > mostShapes || path.length >= deepest) return null
  const options = choices.map((choice, index) => {
    const { title: _, description: __, ...shape } = choice
    const field = fieldOf(shape, root, path, true)
    return { name: choice.title ?? shapeName(choice, index), field: withFixed(field) }
  })
  return options.some(({ field }) => field.kind === 'json') ? null : options
}

/** Shapes of a union that fit beside each other. */
const mostShapes = 6

/** A shape of a union has constants that tell it from the others: nobody has to fill them in. */
function withFixed(field: Field): Field {
  if (field.kind !== 'group') return field
  const fields = field.fields.map((one): Field =>
    one.kind === 'choice' && one.choices.length === 1 && one.isRequired
      ? { ...one, kind: 'fixed', value: one.choices[0] }
      : one,
  )
  return { ...field, fields }
}

function shapeName(schema: JsonSchema, index: number): string {
  const constants = Object.values(schema.properties ?? {}).flatMap((property) => {
    const [only, ...others] = choicesOf(property) ?? []
    if (only === undefined || others.length > 0) return []
    return [typeof only === 'string' ? only : JSON.stringify(only)]
  })
  const names: Readonly<Record<string, string>> = {
    string: say.submit.text,
    number: say.submit.number,
    integer: say.submit.number,
    boolean: say.submit.yesOrNo,
    array: say.submit.list,
  }
  return (
    constants[0] ?? names[typeof schema.type === 'string' ? schema.type : ''] ?? say.submit.option(index + 1)
  )
}

function kindOf(schema: JsonSchema, root: JsonSchema, path: readonly string[]): Kind {
  const { type, properties, items, format, maxLength } = schema
  const choices = choicesOf(schema)
  if (choices !== undefined) return { kind: 'choice', choices }
  switch (type) {
    case 'integer':
    case 'number':
      return { kind: 'number', isWhole: type === 'integer' }
    case 'string':
      if (format === 'date' || format === 'date-time')
        return { kind: 'date', hasTime: format === 'date-time' }
      return { kind: 'text', isLong: isFree(format) && (maxLength ?? 0) > longText }
    case 'boolean':
      return { kind: 'switch' }
    case 'object':
      if (properties === undefined || path.length >= deepest || !isClosed(schema)) return { kind: 'json' }
      return { kind: 'group', fields: fieldsBelow(schema, root, path) }
    case 'array':
      return items === undefined ? { kind: 'json' } : listOf(resolved(items, root), root, path)
    default: {
      const options = optionsOf(schema, root, path)
      return options === null ? { kind: 'json' } : { kind: 'union', options }
    }
  }
}

function listOf(items: JsonSchema, root: JsonSchema, path: readonly string[]): Kind {
  if (items.type === 'string') return { kind: 'lines' }
  const isRow = items.type === 'object' && items.properties !== undefined && isClosed(items)
  if (!isRow || path.length >= deepest) return { kind: 'json' }
  return { kind: 'rows', rowOf: (index) => fieldsBelow(items, root, [...path, String(index)]) }
}

/** Whether it allows only the properties it names. */
function isClosed({ additionalProperties: more }: JsonSchema): boolean {
  return more === undefined || more === false
}

/** Resolves references and unions with null. Annotations next to them are kept. */
function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let found = schema
  for (let step = 0; step < 10; step++) {
    const choice = (found.anyOf ?? found.oneOf)?.filter(({ type }) => type !== 'null')
    const name = found.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1]
    if (name !== undefined) found = { ...root.$defs?.[name], ...without(found, '$ref') }
    else if (choice?.length === 1) found = { ...choice[0], ...without(found, 'anyOf', 'oneOf') }
    else return found
  }
  return {}
}

function without(schema: JsonSchema, ...keys: readonly (keyof JsonSchema)[]): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key as keyof JsonSchema)))
}

function hintOf(schema: JsonSchema, { kind }: Kind): string {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, format } = schema
  const { minLength, maxLength, minItems, maxItems } = schema
  if (kind === 'rows') return range(minItems, maxItems)
  if (kind === 'lines')
    return [range(minItems, maxItems), say.submit.onePerLine].filter((part) => part !== '').join(', ')
  if (kind === 'text')
    return [isFree(format) ? '' : (format ?? ''), sized(range(minLength, maxLength))]
      .filter(Boolean)
      .join(', ')
  if (kind !== 'number') return ''
  const bounds = [
    above === undefined ? '' : say.submit.aboveOnly(figure(above)),
    range(minimum, maximum),
    below === undefined ? '' : say.submit.belowOnly(figure(below)),
  ]
  return bounds.filter((part) => part !== '').join(', ')
}

/** `password` marks what is sensitive, and allows every text. */
function isFree(format: string | undefined): boolean {
  return format === undefined || format === 'password'
}

function range(least: number | undefined, most: number | undefined): string {
  const from = isChosen(least) ? figure(least) : undefined
  const to = isChosen(most) ? figure(most) : undefined
  if (from !== undefined && to !== undefined) return say.common.range(from, to)
  if (from !== undefined) return say.common.atLeast(from)
  return to === undefined ? '' : say.common.atMost(to)
}

function sized(bounds: string): string {
  return bounds === '' ? '' : say.submit.characters(bounds)
}

function figure(value: number): string {
  return exactCount(value)
}
