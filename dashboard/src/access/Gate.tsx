import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { PageSkeleton } from '../app/PageSkeleton.tsx'
import { Shell } from '../app/Shell.tsx'
import { isFermataError } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import { SignIn } from './SignIn.tsx'

/** The pages, for callers that the server accepts; others sign in first. */
export function Gate({ children }: Readonly<{ children: ReactNode }>) {
  const { data, error } = useQuery(reads.me())
  if (isFermataError(error, 'UNAUTHENTICATED')) return <SignIn />
  // A server that cannot be reached is the subject of every page.
  if (data !== undefined || error !== null) return children
  return (
    <Shell>
      <PageSkeleton />
    </Shell>
  )
}
