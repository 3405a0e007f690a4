import { Skeleton } from '@mantine/core'
import { lazy, Suspense, useState } from 'react'
import styles from './Chart.module.css'

const Plot = lazy(() => import('./Plot.tsx').then((room) => ({ default: room.Plot })))

export type Series = Readonly<{
  label: string
  /** A CSS color; variables are resolved when the chart is drawn. */
  colour: string
  values: readonly (number | null)[]
  isFilled?: boolean
}>

export type ChartProps = Readonly<{
  /** Description of the chart for screen readers. */
  label: string
  /** Unix seconds, ascending. */
  times: readonly number[]
  series: readonly Series[]
  format: (value: number) => string
}>

const height = 168

/** Lines over time. The legend shows the latest values, or those under the pointer. */
export function Chart(props: ChartProps) {
  const [pointed, setPointed] = useState<number | null>(null)
  const { series, times, format, label } = props
  const index = pointed ?? times.length - 1
  return (
    <figure className={styles.chart} aria-label={label}>
      <figcaption className={styles.legend}>
        {series.map(({ label: name, colour, values }) => {
          const value = values[index] ?? null
          return (
            <span key={name} className={styles.entry}>
              <span className={styles.swatch} style={{ background: colour }} />
              {name}
              <strong>{value === null ? '–' : format(value)}</strong>
            </span>
          )
        })}
      </figcaption>
      <div style={{ height }}>
        <Suspense fallback={<Skeleton height={height} />}>
          <Plot {...props} height={height} onPoint={setPointed} />
        </Suspense>
      </div>
    </figure>
  )
}
