import { Button } from '@mantine/core'
import { Suspense, useState } from 'react'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { lazyPart } from '../loading/lazy-part.ts'
import { noFilters, searchOf } from '../tasks/filters.ts'
import { statusColour } from '../theme/statuses.ts'
import { RunsCanvas } from './RunsCanvas.tsx'
import styles from './RunsCard.module.css'
import { RunsTable } from './RunsTable.tsx'
import type { RunsState } from './useRange.ts'

const RunDrawer = lazyPart(() => import('./RunDrawer.tsx').then((room) => room.RunDrawer))

const spans = [
  { value: '900', name: '15 min' },
  { value: '3600', name: 'Hour' },
  { value: '21600', name: '6 hours' },
  { value: '86400', name: 'Day' },
] as const

const outcomes = ['running', 'completed', 'failed', 'cancelled'] as const

/** What ran when: the runs of all types on one time axis. */
export function RunsCard({ of }: Readonly<{ of: RunsState }>) {
  const { runs, range, zoom, setSpan, setZoom } = of
  const [open, setOpen] = useState<string | null>(null)
  const [isTable, setTable] = useState(false)
  const { model, error, refetch, limited } = runs
  const controls = (
    <div className={styles.controls}>
      {zoom !== null && (
        <>
          <LinkButton
            size="xs"
            variant="default"
            to={`/tasks?${searchOf({ ...noFilters, from: zoom.from, until: zoom.to })}`}
          >
            Show tasks
          </LinkButton>
          <Button size="xs" variant="default" onClick={() => setZoom(null)}>
            Reset zoom
          </Button>
        </>
      )}
      <Choice
        label="Time of the runs"
        value={'span' in range ? (String(range.span) as '3600') : ('' as '3600')}
        choices={spans}
        onChange={(value) => setSpan(Number(value))}
      />
    </div>
  )
  return (
    <Card title="Runs" aside={controls}>
      {error !== null && model.size === 0 ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <>
          <ul className={styles.legend} aria-label="Colors">
            <li>
              <span className={`${styles.swatch} ${styles.waiting}`} />
              waiting
            </li>
            {outcomes.map((outcome) => (
              <li key={outcome}>
                <span className={styles.swatch} style={{ background: statusColour(outcome) }} />
                {outcome}
              </li>
            ))}
            <li>
              <span className={`${styles.swatch} ${styles.paused}`} />
              paused
            </li>
          </ul>
          <RunsCanvas
            model={model}
            range={range}
            onZoom={setZoom}
            onReset={() => setZoom(null)}
            onOpen={setOpen}
          />
          {limited && (
            <p className={styles.note}>
              There are more runs in this time than are shown. Choose a shorter one.
            </p>
          )}
          <details className={styles.table} onToggle={({ currentTarget }) => setTable(currentTarget.open)}>
            <summary>Show as a table</summary>
            {isTable && <RunsTable model={model} range={range} onOpen={setOpen} />}
          </details>
        </>
      )}
      {open !== null && (
        <Suspense fallback={null}>
          <RunDrawer id={open} onClose={() => setOpen(null)} />
        </Suspense>
      )}
    </Card>
  )
}
