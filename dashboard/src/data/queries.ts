import { QueryClient } from '@tanstack/react-query'

/** What the page has read. Nothing is asked for again by itself while the tab is hidden. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      gcTime: 60_000,
      retry: 1,
      refetchOnWindowFocus: true,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})
