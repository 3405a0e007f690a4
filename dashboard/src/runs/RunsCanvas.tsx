import { useComputedColorScheme, VisuallyHidden } from '@mantine/core'
import { useElementSize, useMergedRef } from '@mantine/hooks'
import {
  useEffect,
  useEffectEvent,
  useId,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type KeyboardEvent,
  type PointerEvent,
} from 'react'
import { Link } from 'wouter'
import type { Run } from '../data/shapes.ts'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { now } from '../time/ticks.ts'
import { exactDay, minuteWords } from '../time/words.ts'
import { ticksOf } from './axis.ts'
import { draw, paletteNow } from './draw.ts'
import { heightOf, lanesOf, nameHeight, runAt, type Lane, type View } from './lanes.ts'
import type { RunModel } from './model.ts'
import styles from './RunsCanvas.module.css'
import { endOf, startOf, statusOf } from './spans.ts'
import { neighborOf, type Direction } from './steps.ts'
import { viewOf, type Range } from './useRuns.ts'
import { runWords, spokenWords, viewWords } from './words.ts'

type Props = Readonly<{
  model: RunModel
  range: Range
  /** A time that the reader chose. */
  onZoom: (view: View) => void
  onReset: () => void
  onOpen: (id: string) => void
}>

/** Pixels that a pointer may move in a click, and around a run that it may miss. */
const slack = 4
const least = 40
/** Seconds of the shortest view. */
const shortest = 1

/** Runs over time, a lane for each type. Drawn on a canvas, so that thousands cost as much as a few elements. */
export function RunsCanvas({ model, range, onZoom, onReset, onOpen }: Props) {
  const { ref: sized, width } = useElementSize()
  const place = useRef<HTMLDivElement>(null)
  const ref = useMergedRef(sized, place)
  const canvas = useRef<HTMLCanvasElement>(null)
  const scheme = useComputedColorScheme()
  const version = useSyncExternalStore(model.subscribe, model.version)
  const help = useId()
  const [present, setPresent] = useState(now)
  const [pointed, setPointed] = useState<string | null>(null)
  const [selected, setSelected] = useState<string | null>(null)
  const [brush, setBrush] = useState<Readonly<{ start: number; end: number }> | null>(null)

  const view = viewOf(range, present)
  const span = 'span' in range ? range.span : null
  const lanes = useMemo(() => lanesOf(model.runs, view, present), [model, version, range, present])
  const height = Math.max(least, heightOf(lanes))
  const ticks = ticksOf(view, Math.max(2, width / 90))
  const scale = width / (view.to - view.from)
  const xOf = (at: number) => (at - view.from) * scale

  // Moves on by about a pixel at a time. A time that stays is drawn again for what still runs in it.
  useEffect(() => {
    const long = span ?? view.to - view.from
    const pause = Math.min(1_000, Math.max(50, (long * 1_000) / Math.max(1, width)))
    let frame = 0
    const timer = setInterval(() => {
      if (document.hidden) return
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(() => setPresent(now()))
    }, pause)
    return () => {
      clearInterval(timer)
      cancelAnimationFrame(frame)
    }
  }, [span, width, view.to - view.from])

  const palette = useMemo(() => paletteNow(), [scheme])
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (canvas.current === null || context == null || width === 0) return
    const ratio = devicePixelRatio
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)]
    if (canvas.current.width !== wide) canvas.current.width = wide
    if (canvas.current.height !== high) canvas.current.height = high
    draw(context, { lanes, view, now: present, width, height, ticks, palette, ratio })
  })

  const find = (event: PointerEvent): Run | undefined => {
    const box = place.current?.getBoundingClientRect()
    if (box === undefined) return undefined
    const at = view.from + (event.clientX - box.left) / scale
    return runAt(lanes, { x: at, y: event.clientY - box.top, near: slack / scale }, present)
  }
  const xIn = (event: PointerEvent) => {
    const box = place.current?.getBoundingClientRect()
    return Math.min(width, Math.max(0, event.clientX - (box?.left ?? 0)))
  }
  const zoom = (from: number, to: number) => {
    const middle = (from + to) / 2
    const half = Math.max(shortest, to - from) / 2
    onZoom({ from: middle - half, to: Math.max(middle + half, middle - half + shortest) })
  }
  const down = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0 || (event.target as Element).closest('a') !== null) return
    event.currentTarget.setPointerCapture(event.pointerId)
    setBrush({ start: xIn(event), end: xIn(event) })
  }
  const move = (event: PointerEvent) => {
    if (brush !== null) setBrush({ ...brush, end: xIn(event) })
    else setPointed(find(event)?.task_id ?? null)
  }
  const up = (event: PointerEvent) => {
    if (brush === null) return
    setBrush(null)
    const end = xIn(event)
    if (Math.abs(end - brush.start) > slack) {
      const [left, right] = [Math.min(brush.start, end), Math.max(brush.start, end)]
      zoom(view.from + left / scale, view.from + right / scale)
      return
    }
    const run = find(event)
    if (run === undefined) return
    setSelected(run.task_id)
    onOpen(run.task_id)
  }
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return
    const direction = directions[event.key]
    const quarter = (view.to - view.from) / 4
    if (direction !== undefined) {
      const next = neighborOf(lanes, selected, direction, present)
      if (next !== undefined) setSelected(next.task_id)
    } else if (event.key === 'Enter' && selected !== null) onOpen(selected)
    else if (event.key === '+') zoom(view.from + quarter, view.to - quarter)
    else if (event.key === '-') zoom(view.from - 2 * quarter, Math.min(present, view.to + 2 * quarter))
    else if (event.key === 'Escape' && selected !== null) setSelected(null)
    else if (event.key === 'Escape' && span === null) onReset()
    else return
    event.preventDefault()
    event.stopPropagation()
  })

  const shown = model.get(pointed ?? selected ?? '')
  const spot = shown === undefined ? undefined : spotOf(lanes, shown.task_id)
  const box =
    shown === undefined || spot === undefined || width === 0
      ? undefined
      : {
          left: Math.max(0, xOf(startOf(shown))),
          right: Math.min(width, Math.max(xOf(endOf(shown, present)), xOf(startOf(shown)) + 2)),
          ...spot,
        }
  return (
    <div className={styles.frame}>
      {/* Runs are chosen with the arrow keys, as in the roles for which there is none better than application. */}
      <div
        ref={ref}
        className={styles.lanes}
        style={{ height }}
        role="application"
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        aria-label={say.runs.byTypeIn(viewWords(view))}
        aria-describedby={help}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerLeave={() => setPointed(null)}
        onPointerCancel={() => setBrush(null)}
        onKeyDown={(event) => press(event)}
      >
        <canvas ref={canvas} className={styles.canvas} aria-hidden="true" />
        {lanes.map(({ type, count, top }) => (
          <span key={type ?? ''} className={styles.name} style={{ top }}>
            {type === null ? (
              say.runs.otherTypes
            ) : (
              <Link href={`/types/${encodeURIComponent(type)}`}>{type}</Link>
            )}
            <small>{count}</small>
          </span>
        ))}
        {brush !== null && (
          <span
            className={styles.brush}
            style={{ left: Math.min(brush.start, brush.end), width: Math.abs(brush.end - brush.start) }}
          />
        )}
        {box !== undefined && (
          <span
            className={styles.mark}
            style={{
              left: box.left - 2,
              width: Math.max(2, box.right - box.left) + 4,
              top: box.top - 2,
              height: box.height + 3,
            }}
          />
        )}
        {shown !== undefined && box !== undefined && brush === null && (
          <span
            className={styles.tip}
            style={{
              top: box.top + box.height + 8,
              left: Math.max(0, Math.min(width - 250, (box.left + box.right) / 2 - 125)),
            }}
            aria-hidden="true"
          >
            <span className={styles.title}>
              <strong>{shown.task_type}</strong> <code>…{shown.task_id.slice(-8)}</code>
              <StatusBadge status={statusOf(shown)} />
            </span>
            <span>{runWords(shown, present)}</span>
          </span>
        )}
      </div>
      <div className={styles.axis} aria-hidden="true">
        {ticks
          .filter((tick) => xOf(tick) > 16 && xOf(tick) < width - 16)
          .map((tick) => (
            <span key={tick} style={{ left: xOf(tick) }}>
              {view.to - view.from > 172_800 ? exactDay(tick) : minuteWords(tick)}
            </span>
          ))}
      </div>
      <VisuallyHidden id={help}>{say.runs.keysHelp}</VisuallyHidden>
      <VisuallyHidden role="status">
        {selected !== null && model.get(selected) !== undefined && spokenWords(model.get(selected)!, present)}
      </VisuallyHidden>
    </div>
  )
}

const directions: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'before',
  ArrowRight: 'after',
  ArrowUp: 'above',
  ArrowDown: 'below',
  Home: 'first',
  End: 'last',
}

function spotOf(lanes: readonly Lane[], id: string): Readonly<{ top: number; height: number }> | undefined {
  for (const { rows, top, rowHeight } of lanes) {
    const row = rows.findIndex((runs) => runs.some(({ task_id: other }) => other === id))
    if (row !== -1) return { top: top + nameHeight + row * rowHeight, height: Math.max(2, rowHeight - 1) }
  }
  return undefined
}
