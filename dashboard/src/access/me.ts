import { useQuery } from '@tanstack/react-query'
import type { Me, Scope } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { allows } from './rights.ts'

/** The caller of this page, once the server has said who it is. */
export function useMe(): Me | undefined {
  return useQuery(reads.me()).data
}

/** Whether the key of this page has a scope: what it has not, is not shown. */
export function useCan(scope: Scope): boolean {
  const me = useMe()
  return me !== undefined && allows(me, scope)
}
