import { useEffect, useLayoutEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { client } from '../data/client.ts'
import { connection } from '../data/connection.ts'
import { isTerminal } from '../live/patch.ts'
import { useChanges } from '../live/useChanges.ts'
import { now } from '../time/ticks.ts'
import { isOfEnded, requestOf, searchOf, type Filters } from './filters.ts'
import { Pager } from './pager.ts'
import { nothing, type Selection } from './selection.ts'

const pageSize = 100
/** Minimum milliseconds between two checks for new tasks, and between two reads of visible rows. */
const pace = { fresh: 1_500, refresh: 2_000 } as const

type Left = Readonly<{ address: string; pager: Pager; scroll: number; entry: number }>

/** The last table: navigating back restores it with the same rows. */
let left: Left | undefined
/** Number of tables so far; each is recorded in its browser history entry. */
let entries = 0

/** Following a link creates a new history entry and shows the latest tasks. */
function returnedTo(address: string): Pager | undefined {
  const { table } = (history.state ?? {}) as Readonly<{ table?: number }>
  return left !== undefined && left.address === address && left.entry === table ? left.pager : undefined
}

/** The rows that match the filters, kept up to date. A new `turn` starts over with the newest tasks at the top. */
export function useTable(filters: Filters, turn: number) {
  const address = searchOf(filters)
  const seen = useRef({ from: 0, to: 30 })
  const due = useRef({ fresh: false, refresh: false })
  const last = useRef({ fresh: 0, refresh: 0 })
  // With the newest tasks, the table keeps its selection, as when the reader comes back to it.
  const before = useRef<Readonly<{ address: string; pager: Pager }>>(undefined)
  const pager = useMemo(() => {
    const returned = turn === 0 ? returnedTo(address) : undefined
    return (
      returned ?? pagerOf(filters, before.current?.address === address ? before.current.pager : undefined)
    )
  }, [filters, address, turn])
  const state = useSyncExternalStore(pager.subscribe, pager.state)

  useLayoutEffect(() => {
    const entry = ++entries
    before.current = { address, pager }
    return () => {
      if (left !== undefined && left.pager !== pager) left.pager.close()
      left = { address, pager, scroll: window.scrollY, entry }
    }
  }, [pager, address])
  useEffect(() => {
    history.replaceState({ table: entries }, '')
    if (pager.state().ids.length === 0) void pager.more()
    else if (left?.pager === pager) window.scrollTo({ top: left.scroll })
  }, [pager])

  useChanges(filters.types.length === 0 ? undefined : filters.types, {
    take: (change) => {
      if (pager.tasks.take(change) || change.kind !== 'transition') return
      const { statuses } = filters
      const mayMatch =
        statuses.length > 0
          ? statuses.includes(change.status)
          : isOfEnded(filters)
            ? isTerminal(change.status)
            : change.event === 'submitted'
      if (mayMatch && !pager.has(change.task_id)) due.current.fresh = true
    },
    resync: () => {
      due.current = { fresh: true, refresh: true }
      // If the first page could not be read, read it once the server is back.
      if (pager.state().error !== null) void pager.more()
    },
    flush: () => {
      pager.tasks.flush()
      const present = performance.now()
      for (const kind of ['fresh', 'refresh'] as const) {
        if (!due.current[kind] || present - last.current[kind] < pace[kind]) continue
        due.current[kind] = false
        last.current[kind] = present
        void (kind === 'fresh' ? pager.lookForFresh() : pager.refresh(seen.current.from, seen.current.to))
      }
    },
  })

  const see = (from: number, to: number) => {
    seen.current = { from, to }
    void pager.see(from, to)
    if (to > state.ids.length - pageSize / 2 && state.error === null) void pager.more()
  }
  return {
    ...state,
    tasks: pager.tasks,
    see,
    more: () => void pager.more(),
    select: (selection: Selection) => pager.select(selection),
  }
}

function pagerOf(filters: Filters, before: Pager | undefined): Pager {
  const filter = requestOf(filters, now())
  const watched = <T>(answer: Promise<T>): Promise<T> =>
    answer.then(
      (value) => {
        connection.answered()
        return value
      },
      (error: unknown) => {
        connection.failed(error)
        throw error
      },
    )
  const read = {
    page: (cursor: string | undefined, signal: AbortSignal) => {
      const place = cursor === undefined ? {} : { cursor }
      const query = { ...filter, ...place, order: filters.order, limit: pageSize }
      return watched(client.listTasks(query, { signal }))
    },
    one: (id: string, signal: AbortSignal) => watched(client.getTaskStatus(id, { signal })),
  }
  const selection = before?.state().selection ?? nothing
  return new Pager(read, { order: filters.order, now, selection })
}
