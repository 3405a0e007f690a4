import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { isFermataError } from '../../../src/client/index.ts'
import { connection } from './connection.ts'

const watch = {
  onError: (error: unknown) => {
    connection.failed(error)
    // The key has ended: the gate asks for another.
    if (isFermataError(error, 'UNAUTHENTICATED')) void queries.invalidateQueries({ queryKey: ['me'] })
  },
  onSuccess: () => connection.answered(),
}

/** The query cache. Nothing is refetched automatically while the tab is hidden. */
export const queries = new QueryClient({
  queryCache: new QueryCache(watch),
  mutationCache: new MutationCache(watch),
  defaultOptions: {
    queries: { staleTime: 1_000, gcTime: 60_000, retry: false, networkMode: 'always' },
    mutations: { networkMode: 'always' },
  },
})

connection.onBack(() => void queries.invalidateQueries())
