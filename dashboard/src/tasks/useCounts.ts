import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import type { Stats, Status, TaskFilter } from '../data/shapes.ts'
import { now } from '../time/ticks.ts'
import { noFilters, requestOf, restrictions, searchOf, type Filters } from './filters.ts'

type Counts = Readonly<{
  counts: Stats['counts'] | undefined
  /** More tasks match than were counted. */
  isPartial: boolean
}>

/** Tasks to count if the server keeps no number. */
const most = 1_000

/**
 * How many tasks in each status match the other filters. The server keeps the numbers of all tasks and of each type; others
 * are counted, up to a limit.
 */
export function useCounts(filters: Filters): Counts {
  const others: Filters = { ...filters, statuses: [], order: noFilters.order }
  const isKept = restrictions({ ...others, types: [] }) === 0
  const stats = useQuery({ ...reads.stats(), enabled: isKept })
  const counted = useQuery({
    queryKey: ['counts', searchOf(others)],
    queryFn: ({ signal }) => countsOf(requestOf(others, now()), signal),
    enabled: !isKept || stats.error !== null,
    refetchInterval: 5_000,
    placeholderData: keepPreviousData,
  })
  if (!isKept || stats.data === undefined) return counted.data ?? { counts: undefined, isPartial: false }
  return {
    counts: filters.types.length === 0 ? stats.data.counts : sumOf(stats.data.types, filters.types),
    isPartial: false,
  }
}

async function countsOf(filter: TaskFilter, signal: AbortSignal): Promise<Counts> {
  const page = await client.listTasks({ ...filter, fields: ['status'], limit: most }, { signal })
  const counts: Partial<Record<Status, number>> = {}
  for (const { status } of page.tasks) counts[status] = (counts[status] ?? 0) + 1
  return { counts, isPartial: page.next_cursor !== null || page.search_limited }
}

function sumOf(types: Stats['types'], names: readonly string[]): Stats['counts'] {
  const sum: Partial<Record<Status, number>> = {}
  for (const name of names) {
    for (const [status, tasks] of Object.entries(types[name]?.counts ?? {}) as [Status, number][]) {
      sum[status] = (sum[status] ?? 0) + tasks
    }
  }
  return sum
}
