import type { z } from 'zod'
import type { Issue } from '../core/errors.ts'

/** The issues of a schema, one per field; an unknown key is reported at its own path. */
export function issuesOf(error: z.ZodError): Issue[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }]
    return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'unknown field' }))
  })
}
