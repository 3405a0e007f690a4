import { useEffect, useEffectEvent } from 'react'
import { client } from '../data/client.ts'
import { connection } from '../data/connection.ts'
import type { Change, TaskFilter } from '../data/shapes.ts'
import { follow } from './follow.ts'
import { paced } from './frames.ts'
import { useIsVisible } from './visible.ts'

type Listener = Readonly<{
  take: (change: Exclude<Change, { kind: 'resync' }>) => void
  /** Something may have been missed: at the start, after a break, or under more events than can be told. */
  resync: () => void
  /** After some events, once a frame. */
  flush: () => void
}>

/** Listens to all tasks of these types while the tab is visible. The page has no other stream open. */
export function useChanges(types: readonly string[] | undefined, listener: Listener): void {
  const isVisible = useIsVisible()
  const take = useEffectEvent(listener.take)
  const resync = useEffectEvent(listener.resync)
  const flush = useEffectEvent(listener.flush)
  const wanted = types?.join(',')
  useEffect(() => {
    if (!isVisible) return undefined
    const over = new AbortController()
    const { signal } = over
    const soon = paced(() => flush(), signal)
    const filter: TaskFilter = wanted === undefined ? {} : { type: wanted.split(',') }
    const changes = client.changes(filter, { signal, patience: Number.POSITIVE_INFINITY })
    follow(changes, (change) => {
      if (change.kind === 'resync') {
        if (change.why !== 'overflow') connection.answered()
        resync()
      } else {
        take(change)
      }
      soon()
    }).catch((error: unknown) => {
      if (!signal.aborted) connection.failed(error)
    })
    return () => over.abort()
  }, [isVisible, wanted])
}
