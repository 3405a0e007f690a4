import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { isFermataError } from '../../../src/client/index.ts'
import { connection } from './connection.ts'

/** The key of the query for the caller of this page. */
export const me = ['me'] as const

/** The key has ended, or there is none: the gate asks for another. */
function askForKey(error: unknown): void {
  if (isFermataError(error, 'UNAUTHENTICATED')) void queries.invalidateQueries({ queryKey: me })
}

const watch = {
  onError: (error: unknown) => {
    connection.failed(error)
    askForKey(error)
  },
  onSuccess: () => connection.answered(),
}

const watchQueries = {
  ...watch,
  onError: (error: unknown, { queryKey }: Readonly<{ queryKey: readonly unknown[] }>) => {
    connection.failed(error)
    // Asked again because of its own answer, it would never stop.
    if (queryKey[0] !== me[0]) askForKey(error)
  },
}

/** The query cache. Nothing is refetched automatically while the tab is hidden. */
export const queries = new QueryClient({
  queryCache: new QueryCache(watchQueries),
  mutationCache: new MutationCache(watch),
  defaultOptions: {
    queries: { staleTime: 1_000, gcTime: 60_000, retry: false, networkMode: 'always' },
    mutations: { networkMode: 'always' },
  },
})

connection.onBack(() => void queries.invalidateQueries())
