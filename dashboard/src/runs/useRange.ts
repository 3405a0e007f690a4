import { useMemo, useState } from 'react'
import { useSearchParams } from 'wouter'
import type { View } from './lanes.ts'
import { useRuns, type Range } from './useRuns.ts'

export type RunsState = ReturnType<typeof useRange>

/** The runs of the last hour, or of the time in the address, which a brush sets and Back undoes. */
export function useRange() {
  const [search, setSearch] = useSearchParams()
  const [span, setSpan] = useState(3_600)
  const from = timeOf(search.get('from'))
  const to = timeOf(search.get('until'))
  const zoom = useMemo<View | null>(
    () => (from === null || to === null || to <= from ? null : { from, to }),
    [from, to],
  )
  const range = useMemo<Range>(() => zoom ?? { span }, [zoom, span])
  const setZoom = (view: View | null) =>
    setSearch((before) => {
      const after = new URLSearchParams(before)
      after.delete('from')
      after.delete('until')
      if (view !== null) {
        after.set('from', new Date(view.from * 1_000).toISOString())
        after.set('until', new Date(view.to * 1_000).toISOString())
      }
      return after
    })
  return {
    runs: useRuns(range),
    range,
    zoom,
    setZoom,
    setSpan: (seconds: number) => {
      setSpan(seconds)
      if (zoom !== null) setZoom(null)
    },
  }
}

function timeOf(text: string | null): number | null {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? null : ms / 1_000
}
