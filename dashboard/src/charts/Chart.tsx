import { Skeleton } from '@mantine/core'
import { Suspense, useState } from 'react'
import { Boundary } from '../kit/Boundary.tsx'
import { say } from '../language/say.ts'
import { lazyPart } from '../loading/lazy-part.ts'
import styles from './Chart.module.css'

const Plot = lazyPart(() => import('./Plot.tsx').then((room) => room.Plot))

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
  /** Ends of the time axis, in Unix seconds. */
  range: Readonly<{ from: number; to: number }>
  /** Vertical lines with a name. */
  marks: readonly Readonly<{ at: number; label: string }>[]
  format: (value: number) => string
}>

const height = 168

/** Lines over time. The legend shows the latest values, or those under the pointer. */
export function Chart(props: ChartProps) {
  const [pointed, setPointed] = useState<number | null>(null)
  const { series, format, label } = props
  return (
    <figure className={styles.chart} aria-label={label}>
      <figcaption className={styles.legend}>
        {series.map(({ label: name, colour, values }) => {
          const value = (pointed === null ? values.findLast(isKnown) : values[pointed]) ?? null
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
        <Boundary fallback={() => <p className={styles.failed}>{say.charts.notDrawn}</p>}>
          <Suspense fallback={<Skeleton height={height} />}>
            <Plot {...props} height={height} onPoint={setPointed} />
          </Suspense>
        </Boundary>
      </div>
    </figure>
  )
}

function isKnown(value: number | null): boolean {
  return value !== null
}
