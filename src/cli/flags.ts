import type { TypeDetails } from '../client/index.ts'
import { choicesOf, isChosen, propertiesOf, type JsonSchema } from '../contract/json-schema.ts'
import { visible } from './terminal/text.ts'

/** A parameter of a type as a command-line flag. */
export type Flag = Readonly<{
  flag: string
  /** The path of its value. */
  path: readonly string[]
  schema: JsonSchema
  kind: 'switch' | 'value' | 'list'
  /** The placeholder for its value. */
  value: string
  isRequired: boolean
  /** The description in the help. */
  meaning: string
}>

/** Flags of `run` itself; a parameter of such a name becomes `--parameters.NAME`. */
export type Reserved = ReadonlySet<string>

/** One flag per parameter; those of nested objects have dots: `--crop.x`. */
export function flagsOf(
  { parameters }: Pick<TypeDetails, 'parameters'>,
  reserved: Reserved = new Set(),
): Flag[] {
  return flagsBelow(parameters as JsonSchema, [], true).map((flag) =>
    reserved.has(flag.flag) ? { ...flag, flag: `--parameters.${flag.flag.slice(2)}` } : flag,
  )
}

function flagsBelow(schema: JsonSchema, path: readonly string[], isNeeded: boolean): Flag[] {
  return propertiesOf(schema).flatMap(({ name, schema: inner, ...property }) => {
    const place = [...path, name]
    const isRequired = isNeeded && property.isRequired
    if (inner.type === 'object' && Object.keys(inner.properties ?? {}).length > 0)
      return flagsBelow(inner, place, isRequired)
    return [flagOf(place, inner, isRequired)]
  })
}

function flagOf(path: readonly string[], schema: JsonSchema, isRequired: boolean): Flag {
  const kind =
    schema.type === 'boolean' ? 'switch' : schema.type === 'array' && isPlain(schema.items) ? 'list' : 'value'
  return {
    flag: `--${path.map(kebab).join('.')}`,
    path,
    schema,
    kind,
    value: kind === 'switch' ? '' : valueOf(kind === 'list' ? (schema.items ?? {}) : schema),
    isRequired,
    meaning: meaningOf(schema, isRequired),
  }
}

/** Whether a value can be written as it is, without JSON syntax. */
function isPlain(schema: JsonSchema | undefined): boolean {
  if (schema === undefined) return false
  const type = typeof schema.type === 'string' ? schema.type : ''
  return ['string', 'number', 'integer', 'boolean'].includes(type) || choicesOf(schema) !== undefined
}

function kebab(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1-$2')
    .replaceAll(/[\s_]+/g, '-')
    .toLowerCase()
}

/** A value as written on the command line. */
export function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The placeholder in the help: `number`, `text`, `a|b`, `json`. */
function valueOf(schema: JsonSchema): string {
  const choices = choicesOf(schema)
  if (choices !== undefined) return choices.map(written).join('|')
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return [...new Set(options.map(valueOf))].join('|')
  if (Array.isArray(schema.type)) return (schema.type as string[]).map((type) => valueOf({ type })).join('|')
  switch (schema.type) {
    case 'string':
      return schema.format === undefined || schema.format === 'password' ? 'text' : schema.format
    case 'integer':
      return 'integer'
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type
    default:
      return 'json'
  }
}

function meaningOf(schema: JsonSchema, isRequired: boolean): string {
  const said = visible(schema.description ?? '')
  const bounds = boundsOf(schema)
  const notes = [
    ...(isRequired ? ['required'] : []),
    ...(bounds === '' ? [] : [bounds]),
    ...(schema.writeOnly === true ? ['sensitive'] : []),
    ...(schema.type === 'array' ? ['may be repeated'] : []),
    ...(schema.default === undefined ? [] : [`default: ${visible(JSON.stringify(schema.default))}`]),
  ]
  return [said, ...(notes.length === 0 ? [] : [`(${notes.join(', ')})`])]
    .filter((part) => part !== '')
    .join(' ')
}

function boundsOf(schema: JsonSchema): string {
  const least = schema.minimum ?? schema.exclusiveMinimum
  const most = schema.maximum ?? schema.exclusiveMaximum
  const above = schema.minimum === undefined ? 'above' : 'from'
  const below = schema.maximum === undefined ? 'below' : 'to'
  const parts: string[] = []
  if (isChosen(least)) parts.push(`${above} ${least}`)
  if (isChosen(most)) parts.push(`${below} ${most}`)
  return parts.join(' ')
}

/** Quotes a word for a POSIX shell. */
export function shellQuoted(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
