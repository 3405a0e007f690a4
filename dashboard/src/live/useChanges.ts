import { useEffect, useEffectEvent } from 'react'
import { client } from '../data/client.ts'
import { connection } from '../data/connection.ts'
import type { Change, TaskFilter } from '../data/shapes.ts'
import { follow } from './follow.ts'
import { paced } from './frames.ts'
import { useIsVisible } from './visible.ts'

export type Listener = Readonly<{
  take: (change: Exclude<Change, { kind: 'resync' }>) => void
  /** Events may have been missed: at the start, after a disconnect, or on overflow. */
  resync: () => void
  /** After events, once per frame. */
  flush: () => void
}>

/** One listener in place of several, since a page has one stream. */
export function together(...listeners: readonly Listener[]): Listener {
  return {
    take: (change) => {
      for (const { take } of listeners) take(change)
    },
    resync: () => {
      for (const { resync } of listeners) resync()
    },
    flush: () => {
      for (const { flush } of listeners) flush()
    },
  }
}

/** Streams changes of all tasks of these types while the tab is visible. The page has no other stream. */
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
