import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { client } from '../data/client.ts'
import { isActive } from '../live/patch.ts'
import { LiveTasks } from '../live/tasks.ts'
import { useChanges } from '../live/useChanges.ts'
import { now } from '../time/ticks.ts'

/** Rows that are shown at most. */
const limit = 25
/** Milliseconds between two looks for tasks that have begun, at least. */
const pace = 1_000

/** The tasks that run, the oldest first so that new ones move nobody. */
export function useRunning() {
  const cache = useQueryClient()
  const tasks = useMemo(() => new LiveTasks(), [])
  const isStale = useRef(false)
  const readAt = useRef(0)
  const { data, error } = useQuery({
    queryKey: ['running'],
    queryFn: async ({ signal }) => {
      const filter = { status: ['running', 'pausing', 'cancelling'], order: 'oldest', limit } as const
      const page = await client.listTasks(filter, { signal })
      tasks.put(page.tasks, now())
      tasks.keep(new Set(page.tasks.map(({ task_id: id }) => id)))
      tasks.flush()
      return { ids: page.tasks.map(({ task_id: id }) => id) }
    },
    refetchInterval: 5_000,
  })

  const look = () => {
    isStale.current = false
    readAt.current = performance.now()
    void cache.invalidateQueries({ queryKey: ['running'] })
    void cache.invalidateQueries({ queryKey: ['stats'] })
  }
  useChanges(undefined, {
    take: (change) => {
      const isShown = tasks.take(change)
      if (change.kind === 'transition' && (!isShown || !isActive(change.status))) isStale.current = true
    },
    resync: () => (isStale.current = true),
    flush: () => {
      tasks.flush()
      if (isStale.current && performance.now() - readAt.current > pace) look()
    },
  })
  return { tasks, ids: data?.ids, error }
}
