import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Chart } from '../charts/Chart.tsx'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { say } from '../language/say.ts'
import { countWords, rateWords } from '../time/words.ts'
import styles from './History.module.css'
import { depth, throughput } from './series.ts'

const spans = [
  { value: '1h', name: say.common.hour },
  { value: '24h', name: say.common.day },
] as const

/** Charts of the last hour or day. */
export function History() {
  const [span, setSpan] = useState<(typeof spans)[number]['value']>('1h')
  const { data } = useQuery({ ...reads.history(span), placeholderData: keepPreviousData })
  const drawn = useMemo(
    () => (data === undefined ? undefined : { throughput: throughput(data), depth: depth(data) }),
    [data],
  )
  const choice = <Choice label={say.overview.timeSpan} value={span} choices={spans} onChange={setSpan} />
  return (
    <div className={styles.charts}>
      <Card title={say.overview.throughput} aside={choice}>
        {drawn !== undefined && (
          <Chart label={say.overview.throughputLabel} format={rateWords} {...drawn.throughput} />
        )}
      </Card>
      <Card title={say.overview.backlog}>
        {drawn !== undefined && (
          <Chart label={say.overview.backlogLabel} format={countWords} {...drawn.depth} />
        )}
      </Card>
    </div>
  )
}
