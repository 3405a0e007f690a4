type Json = Record<string, unknown>

/** A task type, as its documentation needs it. */
export type DescribedType = Readonly<{
  type: string
  description: string
  jsonSchema: Readonly<Record<string, unknown>>
  example: unknown
}>

/** The JSON schema of each type's parameters, as a named component. */
export function typeComponents(types: readonly DescribedType[]): Json {
  return Object.fromEntries(
    types.map(({ type, jsonSchema }) => {
      const { $schema: _, ...schema } = jsonSchema
      const name = componentOf(type)
      return [name, rooted(schema, `#/components/schemas/${name}`)]
    }),
  )
}

/** The body of a submit: one schema per type with its own parameters. The names are those of the examples. */
export function runContent(types: readonly DescribedType[]): Json {
  const anyOf = types.map(({ type, description }) => ({
    title: type,
    ...(description === '' ? {} : { description }),
    allOf: [{ $ref: '#/components/schemas/RunRequest' }],
    type: 'object',
    properties: { parameters: { $ref: `#/components/schemas/${componentOf(type)}` } },
  }))
  return { schema: { anyOf }, examples: examplesOf(types, (parameters) => ({ parameters })) }
}

export function batchExamples(types: readonly DescribedType[]): Json {
  return examplesOf(types, (parameters) => ({ tasks: [{ parameters }, { parameters, priority: 5 }] }))
}

/** The values of `{task_type}` in a path. */
export function typeNames(types: readonly DescribedType[]): Json {
  return { type: 'string', enum: types.map(({ type }) => type) }
}

function examplesOf(types: readonly DescribedType[], body: (parameters: unknown) => object): Json {
  const shown = types.filter(({ example }) => example !== undefined)
  return Object.fromEntries(
    shown.map(({ type, description, example }) => [
      componentName(type),
      { summary: description === '' ? type : `${type}: ${description}`, value: body(example) },
    ]),
  )
}

function componentOf(type: string): string {
  return `Parameters.${componentName(type)}`
}

/** Component and example names allow fewer characters than type names. */
function componentName(type: string): string {
  return type.replaceAll(':', '..')
}

/** References within the schema of a type are relative to its root, which is not the root of the document. */
function rooted(value: unknown, root: string): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((part) => rooted(part, root))
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === '$ref' && typeof part === 'string' && part.startsWith('#')
        ? `${root}${part.slice(1)}`
        : rooted(part, root),
    ]),
  )
}
