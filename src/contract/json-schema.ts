/** What a JSON schema of parameters says about one value: as far as forms and flags are made of it. */
export type JsonSchema = Readonly<{
  type?: string | readonly string[]
  title?: string
  description?: string
  default?: unknown
  enum?: readonly unknown[]
  const?: unknown
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  items?: JsonSchema
  properties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  additionalProperties?: unknown
  anyOf?: readonly JsonSchema[]
  oneOf?: readonly JsonSchema[]
  $ref?: string
  $defs?: Readonly<Record<string, JsonSchema>>
}>

/** A property of an object, as somebody enters it. */
export type Property = Readonly<{
  name: string
  schema: JsonSchema
  /** Nothing takes its place when it is left out. */
  isRequired: boolean
}>

/** The properties of the schema of an object, in their order; `read` follows what the schema of one refers to. */
export function propertiesOf(
  { properties = {}, required = [] }: JsonSchema,
  read: (given: JsonSchema) => JsonSchema = (given) => given,
): readonly Property[] {
  return Object.entries(properties).map(([name, given]) => {
    const schema = read(given)
    return { name, schema, isRequired: required.includes(name) && schema.default === undefined }
  })
}

/** The values that alone are valid, if they are few. */
export function choicesOf(schema: JsonSchema): readonly unknown[] | undefined {
  return schema.enum ?? (schema.const === undefined ? undefined : [schema.const])
}

/** A bound that somebody has chosen: integers of JavaScript have bounds that only say how far they reach. */
export function isChosen(bound: number | undefined): bound is number {
  return bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER
}
