import { z } from 'zod'
import { toErrorRecord } from '../core/error-record.ts'
import { TooLarge } from '../core/errors.ts'
import type { Json } from '../core/task.ts'
import { waitLimits } from '../core/wait.ts'

/** The JSON schema of what an answer must be; null for any. Throws `TypeError` and `TooLarge`. */
export function schemaText(schema: z.ZodType | undefined): Json | null {
  if (schema === undefined) return null
  let text: Json
  try {
    text = JSON.stringify(z.toJSONSchema(schema, { io: 'input' }))
  } catch (error) {
    throw new TypeError(`task.wait: the schema has no JSON schema: ${toErrorRecord(error).message}.`, {
      cause: error,
    })
  }
  if (Buffer.byteLength(text) > waitLimits.schema) throw new TooLarge('schema of a wait', waitLimits.schema)
  return text
}
