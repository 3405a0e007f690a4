import { childTitle } from '../../core/child.ts'
import { TaskError } from '../../core/errors.ts'
import type { Json, Parent } from '../../core/task.ts'
import type { AnyTaskType } from '../../registry/type.ts'

/** Issues named in one message. */
const mostIssues = 5

/** A stored document no longer matches its type: retries cannot help until the program is changed. */
export class StoredInvalid extends TaskError {
  readonly code = 'STORED_INVALID'
}

/** The result of a child cannot be decrypted on this node. `why`: a clause. */
export function resultUnreadable(
  { name, occurrence }: Pick<Parent, 'name' | 'occurrence'>,
  why: string,
): StoredInvalid {
  return new StoredInvalid(`The result of the child ${childTitle(name, occurrence)} cannot be read: ${why}.`)
}

/** A checkpoint that the type itself could not continue from: it is refused when it is written. */
export class CheckpointInvalid extends TaskError {
  readonly code = 'CHECKPOINT_INVALID'
}

/** Checks a checkpoint as the next attempt will read it. Throws `CheckpointInvalid`. */
export function checkState(schema: AnyTaskType['state'], state: Json): void {
  if (schema === undefined) return
  const parsed = schema.safeParse(JSON.parse(state))
  if (parsed.success) return
  const issues = parsed.error.issues.slice(0, mostIssues)
  const list = issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new CheckpointInvalid(
    `The checkpoint does not match the state schema of its type: ${list.join('; ')}.`,
  )
}

/** Throws `StoredInvalid`. */
export function parseStored(schema: AnyTaskType['state'], text: Json, what: string): unknown {
  const value: unknown = JSON.parse(text)
  if (schema === undefined) return value
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue === undefined ? '' : `${issue.path.join('.')} ${issue.message}`
  throw new StoredInvalid(`The stored ${what} no longer matches the schema of its type: ${where}`.trim())
}
