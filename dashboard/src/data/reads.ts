import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { client } from './client.ts'

/** Queries that are repeated, with their intervals in milliseconds while the tab is visible. */
export const reads = {
  stats: () =>
    queryOptions({
      queryKey: ['stats'],
      queryFn: ({ signal }) => client.getStats({ signal }),
      refetchInterval: 2_000,
    }),
  nodes: () =>
    queryOptions({
      queryKey: ['nodes'],
      queryFn: ({ signal }) => client.listNodes({ signal }),
      refetchInterval: 3_000,
    }),
  history: (span: '1h' | '24h') =>
    queryOptions({
      queryKey: ['history', span],
      queryFn: ({ signal }) => client.getHistory({ span, signal }),
      refetchInterval: 5_000,
    }),
  failures: () =>
    queryOptions({
      queryKey: ['failures'],
      queryFn: ({ signal }) => client.listTasks({ status: 'failed', limit: 5 }, { signal }),
      refetchInterval: 5_000,
    }),
  types: () =>
    queryOptions({
      queryKey: ['types'],
      queryFn: ({ signal }) => client.listTypes({ signal }),
      staleTime: 10_000,
      placeholderData: keepPreviousData,
    }),
  task: (id: string) =>
    queryOptions({ queryKey: ['task', id], queryFn: ({ signal }) => client.getTask(id, { signal }) }),
  explain: (id: string) =>
    queryOptions({
      queryKey: ['explain', id],
      queryFn: ({ signal }) => client.explainTask(id, { signal }),
      refetchInterval: 2_000,
    }),
} as const
