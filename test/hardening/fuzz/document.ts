import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

export type Schema = Readonly<Record<string, unknown>>

export type Parameter = Readonly<{
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  schema: Schema
  example?: unknown
}>

/** An operation from the OpenAPI document. */
export type Operation = Readonly<{
  id: string
  method: string
  path: string
  parameters: readonly Parameter[]
  /** The JSON body; undefined if there is none. */
  body: Readonly<{ schema: Schema; examples: readonly unknown[] }> | undefined
  /** Validators by status and media type; a status without content has none. */
  answers: ReadonlyMap<string, ReadonlyMap<string, ValidateFunction>>
}>

type Json = Record<string, unknown>

/** What the document alone tells a caller: every operation, and a validator for each possible response. */
export class ApiDocument {
  readonly operations: readonly Operation[]
  readonly #root: Json
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false })

  constructor(document: Json) {
    this.#root = document
    this.#ajv.addSchema({ ...document, $id: 'api' })
    this.operations = Object.entries(document['paths'] as Record<string, Json>).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => methods.has(method))
        .map(([method, value]) => this.#operation(path, method, value as Json, item)),
    )
  }

  /** Resolves a reference; returns other schemas unchanged. */
  resolve(schema: Schema): Schema {
    const address = schema['$ref']
    if (typeof address !== 'string') return schema
    const { $ref: _, ...beside } = schema
    return { ...this.resolve(this.#at(address) as Schema), ...beside }
  }

  #operation(path: string, method: string, value: Json, item: Json): Operation {
    const pointer = `/paths/${escaped(path)}/${method}`
    const parameters = [...list(item['parameters']), ...list(value['parameters'])].map(
      (parameter) => this.resolve(parameter) as unknown as Parameter,
    )
    return {
      id: String(value['operationId']),
      method: method.toUpperCase(),
      path,
      parameters,
      body: this.#body(value['requestBody'] as Schema | undefined),
      answers: new Map(
        Object.entries(value['responses'] as Record<string, Json>).map(([status, answer]) => [
          status,
          this.#validators(answer, `${pointer}/responses/${status}`),
        ]),
      ),
    }
  }

  #body(request: Schema | undefined): Operation['body'] {
    if (request === undefined) return undefined
    const content = this.resolve(request)['content'] as Record<string, Json>
    const json = content['application/json']
    if (json === undefined) return undefined
    const named = Object.values((json['examples'] ?? {}) as Record<string, Json>).map(
      (example) => this.resolve(example)['value'],
    )
    return {
      schema: json['schema'] as Schema,
      examples: [json['example'], ...named].filter((example) => example !== undefined),
    }
  }

  #validators(answer: Json, pointer: string): Map<string, ValidateFunction> {
    const at = typeof answer['$ref'] === 'string' ? answer['$ref'].slice(1) : pointer
    const content = (this.resolve(answer)['content'] ?? {}) as Record<string, Json>
    return new Map(
      Object.keys(content).map((media) => [
        media,
        this.#ajv.compile({ $ref: `api#${encodeURI(`${at}/content/${escaped(media)}/schema`)}` }),
      ]),
    )
  }

  #at(address: string): unknown {
    let found: unknown = this.#root
    for (const part of address.slice(2).split('/')) {
      found = (found as Json)[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')]
    }
    return found
  }
}

const methods = new Set(['get', 'post', 'put', 'patch', 'delete', 'head', 'options'])

function escaped(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}

function list(value: unknown): Schema[] {
  return (value ?? []) as Schema[]
}
