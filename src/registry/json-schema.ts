import type { Ajv, AnySchemaObject, ErrorObject, Options } from 'ajv'
import { z } from 'zod'
import { OptionsInvalid } from '../core/errors.ts'
import { pointerOf } from '../core/redaction.ts'

/** Maximum characters of the JSON schema of a type. */
export const schemaLimit = 65_536

const settings = { strict: false, logger: false, validateFormats: false, allErrors: false } as const

/**
 * Compile schemas, and check that they are valid. Each schema has a compiler of its own, because the ids in it would be known to
 * all others; the schema of schemas is compiled once. Loaded with the first schema: most servers have none.
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

/** Checks values by a JSON schema of draft 2020-12, or of draft 7 if it says so. Throws `OptionsInvalid` for a schema that is not valid. */
export async function validatorOf(
  schema: Readonly<Record<string, unknown>>,
  path: string,
): Promise<z.ZodType> {
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
