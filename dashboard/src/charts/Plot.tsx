import { useComputedColorScheme } from '@mantine/core'
import { useElementSize, useMergedRef } from '@mantine/hooks'
import { useEffect, useEffectEvent, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { ChartProps, Series } from './Chart.tsx'
import { minuteWords } from '../time/words.ts'
import styles from './Plot.module.css'

type Props = ChartProps & Readonly<{ height: number; onPoint: (index: number | null) => void }>

/** A canvas plot. It is recreated when colors or series change; otherwise only its data is updated. */
export function Plot({ times, series, range, marks, format, height, onPoint }: Props) {
  const { ref: sized, width } = useElementSize()
  const place = useRef<HTMLDivElement>(null)
  const ref = useMergedRef(sized, place)
  const scheme = useComputedColorScheme()
  const plot = useRef<uPlot>(undefined)
  const names = series.map(({ label }) => label).join()
  const options = useEffectEvent((): uPlot.Options => ({
    width,
    height,
    ...optionsOf(series, format, {
      onPoint: (index) => onPoint(index),
      range: () => shown(),
      marks: () => marked(),
    }),
  }))
  const shown = useEffectEvent((): [number, number] => [range.from, range.to])
  const marked = useEffectEvent(() => marks)
  const data = useEffectEvent((): uPlot.AlignedData => dataOf(times, series))

  useEffect(() => {
    if (place.current === null || width === 0) return undefined
    plot.current = new uPlot(options(), data(), place.current)
    return () => plot.current?.destroy()
  }, [width, height, scheme, names])

  useEffect(() => {
    plot.current?.setData(dataOf(times, series))
  }, [times, series, range])

  return <div ref={ref} className={styles.plot} aria-hidden="true" />
}

function dataOf(times: ChartProps['times'], series: readonly Series[]): uPlot.AlignedData {
  // A line of zeros would only cover the axis.
  const lines = series.map(({ values }) =>
    values.some((value) => value !== 0) ? [...values] : values.map(() => null),
  )
  return [[...times], ...lines]
}

type Live = Readonly<{
  onPoint: (index: number | null) => void
  range: () => [number, number]
  marks: () => ChartProps['marks']
}>

function optionsOf(
  series: readonly Series[],
  format: ChartProps['format'],
  { onPoint, range, marks }: Live,
): Omit<uPlot.Options, 'width' | 'height'> {
  const axis = {
    stroke: colourOf('var(--ink-faint)'),
    font: '11px system-ui, sans-serif',
    ticks: { show: false },
  }
  const grid = { stroke: colourOf('var(--line)'), width: 1 }
  return {
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { range }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 70,
        values: (_, times) => times.map((time) => minuteWords(time)),
        incrs: [10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600],
      },
      { ...axis, grid, size: 48, space: 40, values: (_, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...series.map(({ label, colour, isFilled = false }) => ({
        label,
        stroke: colourOf(colour),
        width: 1.6,
        points: { show: false },
        ...(isFilled ? { fill: `color-mix(in srgb, ${colourOf(colour)} 14%, transparent)` } : {}),
      })),
    ],
    hooks: {
      setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, marks(), axis)],
    },
  }
}

function drawMarks(
  plot: uPlot,
  marks: ChartProps['marks'],
  { stroke, font }: Readonly<{ stroke: string; font: string }>,
): void {
  const { ctx, bbox } = plot
  const ratio = devicePixelRatio
  for (const { at, label } of marks) {
    const x = Math.round(plot.valToPos(at, 'x', true))
    ctx.save()
    ctx.strokeStyle = ctx.fillStyle = stroke
    ctx.lineWidth = ratio
    ctx.setLineDash([4 * ratio, 4 * ratio])
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.font = font.replace('11px', `${11 * ratio}px`)
    const isLeft = x - bbox.left > bbox.width / 2
    ctx.textAlign = isLeft ? 'right' : 'left'
    ctx.fillText(label, x + (isLeft ? -6 : 6) * ratio, bbox.top + 12 * ratio)
    ctx.restore()
  }
}

/** A canvas does not resolve CSS variables. */
function colourOf(colour: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(colour)?.[1]
  return name === undefined
    ? colour
    : getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
