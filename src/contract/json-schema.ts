/** What a JSON schema says about one value, as far as forms and flags need it. */
export type JsonSchema = Readonly<{
  type?: string | readonly string[]
  title?: string
  description?: string
  default?: unknown
  enum?: readonly unknown[]
  const?: unknown
  format?: string
  /** It is sensitive: answers have a mask in its place. */
  writeOnly?: boolean
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

/** A property of an object, as a form or flag shows it. */
export type Property = Readonly<{
  name: string
  schema: JsonSchema
  /** Whether it must be given: it is required and has no default. */
  isRequired: boolean
}>

/** The properties of an object schema, in order; `read` resolves references. */
export function propertiesOf(
  { properties = {}, required = [] }: JsonSchema,
  read: (given: JsonSchema) => JsonSchema = (given) => given,
): readonly Property[] {
  return Object.entries(properties).map(([name, given]) => {
    const schema = read(given)
    return { name, schema, isRequired: required.includes(name) && schema.default === undefined }
  })
}

/** The values of an enumeration or constant. */
export function choicesOf(schema: JsonSchema): readonly unknown[] | undefined {
  return schema.enum ?? (schema.const === undefined ? undefined : [schema.const])
}

/** Whether a bound was set deliberately: zod gives every integer the bounds of safe integers. */
export function isChosen(bound: number | undefined): bound is number {
  return bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER
}
