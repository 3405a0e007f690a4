import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { DeliveryDetails, FailuresQuery } from '../../../src/client/index.ts'
import { client, isFermataError } from './client.ts'

/** Queries that are repeated, with their intervals in milliseconds while the tab is visible. */
export const reads = {
  me: () =>
    queryOptions({
      queryKey: ['me'],
      queryFn: ({ signal }) => client.getMe({ signal }),
      staleTime: 60_000,
    }),
  keys: () =>
    queryOptions({
      queryKey: ['keys'],
      queryFn: ({ signal }) => client.listKeys({ signal }),
      refetchInterval: 10_000,
    }),
  stats: () =>
    queryOptions({
      queryKey: ['stats'],
      queryFn: ({ signal }) => client.getStats({ signal }),
      // A key that may not read it now may never.
      refetchInterval: ({ state }) => (isFermataError(state.error, 'FORBIDDEN') ? false : 2_000),
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
  failures: (query: FailuresQuery) =>
    queryOptions({
      queryKey: ['failures', query],
      queryFn: ({ signal }) => client.listFailures(query, { signal }),
      refetchInterval: 5_000,
    }),
  types: () =>
    queryOptions({
      queryKey: ['types'],
      queryFn: ({ signal }) => client.listTypes({ signal }),
      staleTime: 10_000,
      placeholderData: keepPreviousData,
    }),
  schedules: () =>
    infiniteQueryOptions({
      queryKey: ['schedules', 'all'],
      queryFn: ({ pageParam, signal }) =>
        client.listSchedules({ ...(pageParam === undefined ? {} : { cursor: pageParam }), signal }),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
      refetchInterval: 3_000,
    }),
  schedule: (id: string) =>
    queryOptions({
      queryKey: ['schedules', 'one', id],
      queryFn: ({ signal }) => client.getSchedule(id, { signal }),
      refetchInterval: 3_000,
    }),
  ticks: (id: string) =>
    infiniteQueryOptions({
      queryKey: ['schedules', 'ticks', id],
      queryFn: ({ pageParam, signal }) =>
        client.listTicks(id, {
          limit: 50,
          ...(pageParam === undefined ? {} : { cursor: pageParam }),
          signal,
        }),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
      refetchInterval: 3_000,
    }),
  limits: () =>
    queryOptions({
      queryKey: ['limits', 'all'],
      queryFn: ({ signal }) => client.listLimits({ signal }),
      refetchInterval: 3_000,
    }),
  limit: (name: string) =>
    queryOptions({
      queryKey: ['limits', 'one', name],
      queryFn: ({ signal }) => client.getLimit(name, { signal }),
      refetchInterval: 3_000,
    }),
  /** Keys of a limit. Without a key, all of them, or only those that are blocked. */
  buckets: (name: string, { blocked, key }: Readonly<{ blocked: boolean; key: string }>) =>
    infiniteQueryOptions({
      queryKey: ['limits', 'buckets', name, blocked, key],
      queryFn: ({ pageParam, signal }) =>
        client.listBuckets(
          name,
          {
            ...(key === '' ? { blocked } : { key }),
            ...(pageParam === undefined ? {} : { cursor: pageParam }),
          },
          { signal },
        ),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
      refetchInterval: 3_000,
    }),
  webhooks: () =>
    queryOptions({
      queryKey: ['webhooks', 'all'],
      queryFn: ({ signal }) => client.listWebhooks({ signal }),
      refetchInterval: 3_000,
    }),
  webhook: (id: string) =>
    queryOptions({
      queryKey: ['webhooks', 'one', id],
      queryFn: ({ signal }) => client.getWebhook(id, { signal }),
      refetchInterval: 3_000,
    }),
  deliveries: (id: string, status: DeliveryDetails['status'] | null) =>
    infiniteQueryOptions({
      queryKey: ['webhooks', 'deliveries', id, status],
      queryFn: ({ pageParam, signal }) =>
        client.listDeliveries(
          id,
          {
            limit: 50,
            ...(status === null ? {} : { status }),
            ...(pageParam === undefined ? {} : { cursor: pageParam }),
          },
          { signal },
        ),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
      refetchInterval: 3_000,
    }),
  oldestQueued: () =>
    queryOptions({
      queryKey: ['oldest queued'],
      queryFn: ({ signal }) => client.listTasks({ status: 'queued', order: 'oldest', limit: 1 }, { signal }),
      refetchInterval: 3_000,
    }),
  task: (id: string) =>
    queryOptions({ queryKey: ['task', id], queryFn: ({ signal }) => client.getTask(id, { signal }) }),
  /** `isLive`: more may come. */
  steps: (id: string, isLive: boolean) =>
    queryOptions({
      queryKey: ['steps', id, isLive],
      queryFn: ({ signal }) => client.getTaskSteps(id, { limit: 100, signal }),
      ...(isLive ? { refetchInterval: 2_000 } : {}),
    }),
  waits: (status: 'open' | 'closed') =>
    infiniteQueryOptions({
      queryKey: ['waits', 'all', status],
      queryFn: ({ pageParam, signal }) =>
        client.listWaits({ status, ...(pageParam === undefined ? {} : { cursor: pageParam }), signal }),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
      refetchInterval: 3_000,
    }),
  /** `isLive`: more may come. */
  taskWaits: (id: string, isLive: boolean) =>
    queryOptions({
      queryKey: ['waits', 'task', id, isLive],
      queryFn: ({ signal }) => client.getTaskWaits(id, { limit: 100, signal }),
      ...(isLive ? { refetchInterval: 2_000 } : {}),
    }),
  family: (id: string, isLive: boolean) =>
    queryOptions({
      queryKey: ['family', id, isLive],
      queryFn: ({ signal }) => client.getTaskFamily(id, { limit: 100, signal }),
      ...(isLive ? { refetchInterval: 2_000 } : {}),
    }),
  explain: (id: string) =>
    queryOptions({
      queryKey: ['explain', id],
      queryFn: ({ signal }) => client.explainTask(id, { signal }),
      refetchInterval: 2_000,
    }),
} as const
