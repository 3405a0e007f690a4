import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { client } from '../data/client.ts'
import { isActive } from '../live/patch.ts'
import { LiveTasks } from '../live/tasks.ts'
import type { Listener } from '../live/useChanges.ts'
import { now } from '../time/ticks.ts'

/** Maximum number of rows. */
const limit = 25
/** Minimum milliseconds between two reads of the list. */
const pace = 1_000

export type Running = ReturnType<typeof useRunning>

/** The running tasks, oldest first so that new ones do not move the others, with the listener that keeps them up to date. */
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
  const listener: Listener = {
    take: (change) => {
      const isShown = tasks.take(change)
      if (change.kind === 'transition' && (!isShown || !isActive(change.status))) isStale.current = true
    },
    resync: () => (isStale.current = true),
    flush: () => {
      tasks.flush()
      if (isStale.current && performance.now() - readAt.current > pace) look()
    },
  }
  return { tasks, ids: data?.ids, error, listener }
}
