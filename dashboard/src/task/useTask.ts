import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent } from 'react'
import { client } from '../data/client.ts'
import { connection } from '../data/connection.ts'
import { reads } from '../data/reads.ts'
import type { Progress, TaskDetails } from '../data/shapes.ts'
import { follow } from '../live/follow.ts'
import { paced } from '../live/frames.ts'
import { isActive, isTerminal } from '../live/patch.ts'
import { useIsVisible } from '../live/visible.ts'

/** All details of a task, live. Transitions in the stream trigger a new read; progress is taken from the stream itself. */
export function useTask(id: string) {
  const cache = useQueryClient()
  const isVisible = useIsVisible()
  const { data: task, error, refetch, dataUpdatedAt } = useQuery(reads.task(id))
  const isLive = task !== undefined && !isTerminal(task.status)
  const version = useEffectEvent(() => task?.version ?? 0)

  useEffect(() => {
    if (!isVisible || !isLive) return undefined
    const over = new AbortController()
    const { signal } = over
    const { queryKey } = reads.task(id)
    let progress: Progress | undefined
    let hasMoved = false
    let hasLogged = false
    const soon = paced(() => {
      if (hasMoved) void cache.invalidateQueries({ queryKey })
      if (hasLogged) void cache.invalidateQueries({ queryKey: ['log', id] })
      if (hasMoved) void cache.invalidateQueries({ queryKey: ['explain', id] })
      const latest = progress
      if (latest !== undefined) {
        // Times keep counting from those of the last response.
        const updatedAt = cache.getQueryState(queryKey)?.dataUpdatedAt
        cache.setQueryData(
          queryKey,
          (known: TaskDetails | undefined) =>
            known === undefined
              ? known
              : {
                  ...known,
                  progress: isActive(known.status) ? latest : { ...latest, rate: null, eta_seconds: null },
                },
          updatedAt === undefined ? {} : { updatedAt },
        )
      }
      progress = undefined
      hasMoved = hasLogged = false
    }, signal)
    const events = client.streamTaskEvents(id, {
      after: version(),
      signal,
      patience: Number.POSITIVE_INFINITY,
    })
    follow(events, (event) => {
      connection.answered()
      if (event.kind === 'transition') hasMoved = true
      else if (event.kind === 'log') hasLogged = true
      else {
        const { current, total, message, ratio, rate, eta_seconds: eta } = event
        progress = { current, total, message, ratio, rate, eta_seconds: eta }
      }
      soon()
    }).catch((reason: unknown) => {
      if (!signal.aborted) connection.failed(reason)
    })
    return () => over.abort()
  }, [id, isVisible, isLive, cache])

  return { task, error, asOf: dataUpdatedAt / 1_000, refetch: () => void refetch() }
}
