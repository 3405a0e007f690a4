import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { client } from '../data/client.ts'
import type { Listener } from '../live/useChanges.ts'
import { now } from '../time/ticks.ts'
import type { View } from './lanes.ts'
import { RunModel } from './model.ts'

/** Seconds until now, or a time that stays. */
export type Range = Readonly<{ span: number }> | View

/** Minimum milliseconds between two reads after missed events. */
const pace = 3_000

export function viewOf(range: Range, present: number): View {
  return 'span' in range ? { from: present - range.span, to: present } : range
}

/** The runs of a time, read once and kept up to date by the events that the listener is given. */
export function useRuns(range: Range) {
  const cache = useQueryClient()
  const model = useMemo(() => new RunModel(), [])
  const isStale = useRef(false)
  const readAt = useRef(0)
  const { data, error, refetch } = useQuery({
    queryKey: ['runs', range],
    queryFn: async ({ signal }) => {
      const askedAt = now()
      const { from, to } = viewOf(range, askedAt)
      readAt.current = performance.now()
      const answer = await client.listRuns(
        { from: Math.max(0, from), ...('span' in range || to >= askedAt ? {} : { until: to }) },
        { signal },
      )
      model.replace(answer.runs, askedAt)
      return { limited: answer.limited }
    },
    // Also corrects what an event may have missed.
    refetchInterval: 15_000,
    gcTime: 0,
  })
  const listener: Listener = {
    take: (change) => {
      if (change.kind === 'transition') model.take(change)
    },
    resync: () => (isStale.current = true),
    flush: () => {
      const present = now()
      model.prune(viewOf(range, present), present)
      model.flush()
      if (!isStale.current || performance.now() - readAt.current < pace) return
      isStale.current = false
      void cache.invalidateQueries({ queryKey: ['runs'] })
    },
  }
  return { model, listener, error, refetch, isLoaded: data !== undefined, limited: data?.limited ?? false }
}
