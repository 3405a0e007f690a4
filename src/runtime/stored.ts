import { TaskError } from '../core/errors.ts'
import type { Json } from '../core/task.ts'
import type { AnyTaskType } from '../registry/type.ts'

/** A stored document no longer fits its type: no retry can help until the program is changed. */
export class StoredInvalid extends TaskError {
  readonly code = 'STORED_INVALID'
}

/** Throws `StoredInvalid`. */
export function parseStored(schema: AnyTaskType['state'], text: Json, what: string): unknown {
  const value: unknown = JSON.parse(text)
  if (schema === undefined) return value
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue === undefined ? '' : `${issue.path.join('.')} ${issue.message}`
  throw new StoredInvalid(`The stored ${what} no longer fits the type: ${where}`.trim())
}
