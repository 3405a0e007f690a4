import type { Me, Scope } from '../../../src/client/index.ts'

export function allows({ scopes }: Me, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin')
}

/** A key that is limited to types or tags cannot read what is about all tasks. */
export function isLimited({ types, tags }: Me): boolean {
  return types !== null || tags !== null
}
