import type { Ajv, AnySchemaObject, ErrorObject, Options } from 'ajv'
import { z } from 'zod'
import { OptionsInvalid } from '../core/errors.ts'
import { pointerOf, type Pointer } from '../core/redaction.ts'
import type { WorkerType } from '../core/worker.ts'
import { defaultBackoff } from '../core/retry.ts'
import { brand, type AnyTaskType } from './type.ts'

/** Maximum characters of the JSON schema of a type. */
export const schemaLimit = 65_536
/** How deep a schema is searched for sensitive values. */
const deepest = 20

/** A type whose handler runs in remote workers. Throws `OptionsInvalid` for a schema that is not valid. */
export async function remoteType(worker: WorkerType, path = 'parameters'): Promise<AnyTaskType> {
  const schema = worker.parameters ?? { type: 'object' }
  const parameters = await validatorOf(schema, path)
  const pointers = writeOnlyIn(schema)
  return Object.freeze({
    [brand]: true as const,
    type: worker.type,
    definedAt: undefined,
    description: worker.description,
    parameters,
    jsonSchema: schema,
    example: undefined,
    state: undefined,
    runs: 'remote' as const,
    module: null,
    memory: null,
    command: null,
    concurrency: worker.concurrency,
    maxQueued: null,
    attempts: worker.attempts,
    backoff: defaultBackoff,
    timeout: worker.timeout,
    expiresIn: null,
    poisonLimit: null,
    preemption: null,
    unique: null,
    admission: null,
    sensitive: pointers.length === 0 ? null : { parameters: pointers, checkpoint: [], result: [], steps: [] },
    run: () => {
      throw new Error('the handler of this type runs in remote workers')
    },
  })
}

const settings = { strict: false, logger: false, validateFormats: false, allErrors: false } as const

/**
 * Compile schemas, and check that they are valid. Each schema has a compiler of its own, because the ids in it would be known to
 * all others; the schema of schemas is compiled once. Loaded with the first remote type: most servers have none.
 */
const draft2020 = once(async () => toolsOf((await import('ajv/dist/2020.js')).Ajv2020))
const draft7 = once(async () => toolsOf((await import('ajv')).Ajv))

function toolsOf(Compiler: new (options: Options) => Ajv) {
  const checker = new Compiler(settings)
  return {
    /** Throws if the schema is not valid. */
    compile(schema: AnySchemaObject) {
      void checker.validateSchema(schema, true)
      return new Compiler({ ...settings, validateSchema: false }).compile(schema)
    },
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** Checks values by a JSON schema of draft 2020-12, or of draft 7 if it says so. */
async function validatorOf(schema: Readonly<Record<string, unknown>>, path: string): Promise<z.ZodType> {
  const refuse = (message: string) => new OptionsInvalid([{ path, message }])
  if (JSON.stringify(schema).length > schemaLimit) throw refuse(`must have at most ${schemaLimit} characters`)
  const isDraft7 = typeof schema['$schema'] === 'string' && schema['$schema'].includes('draft-07')
  const { compile } = await (isDraft7 ? draft7() : draft2020())
  let validate: ((value: unknown) => boolean) & { errors?: ErrorObject[] | null | undefined }
  try {
    validate = compile(schema) as typeof validate
    if ('$async' in schema) throw new Error('$async is not supported')
  } catch (error) {
    throw refuse(`is not a valid JSON schema: ${error instanceof Error ? error.message : String(error)}`)
  }
  return z.unknown().superRefine((value, context) => {
    if (validate(value)) return
    for (const { instancePath, message = 'is invalid', params } of validate.errors ?? []) {
      const detail = detailOf(params)
      context.addIssue({
        code: 'custom',
        path: [...(pointerOf(instancePath) ?? [])],
        message: detail === '' ? message : `${message}: ${detail}`,
      })
    }
  })
}

/** What a message of the validator leaves out. */
function detailOf(params: Readonly<Record<string, unknown>>): string {
  const { additionalProperty, allowedValues } = params
  if (typeof additionalProperty === 'string') return JSON.stringify(additionalProperty)
  return Array.isArray(allowedValues) ? allowedValues.map((value) => JSON.stringify(value)).join(', ') : ''
}

/** Pointers to what the schema marks with `writeOnly`: sensitive values. */
function writeOnlyIn(schema: unknown, depth = 0): Pointer[] {
  if (typeof schema !== 'object' || schema === null || depth > deepest) return []
  const { writeOnly, properties, items, additionalProperties, ...others } = schema as Record<string, unknown>
  if (writeOnly === true) return [[]]
  const below = (token: string, inner: unknown) =>
    writeOnlyIn(inner, depth + 1).map((pointer): Pointer => [token, ...pointer])
  const alternatives = [others['anyOf'], others['oneOf'], others['allOf']].flat()
  return [
    ...Object.entries(properties ?? {}).flatMap(([name, inner]) => below(name, inner)),
    ...below('*', items),
    ...below('*', additionalProperties),
    ...alternatives.flatMap((inner) => writeOnlyIn(inner, depth + 1)),
  ]
}
