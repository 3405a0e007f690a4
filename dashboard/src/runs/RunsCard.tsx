import { Button } from '@mantine/core'
import { Suspense, useState } from 'react'
import { statusName } from '../data/statuses.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { say } from '../language/say.ts'
import { lazyPart } from '../loading/lazy-part.ts'
import { noFilters, searchOf } from '../tasks/filters.ts'
import { statusColour } from '../theme/statuses.ts'
import { RunsCanvas } from './RunsCanvas.tsx'
import styles from './RunsCard.module.css'
import { RunsTable } from './RunsTable.tsx'
import type { RunsState } from './useRange.ts'

const RunDrawer = lazyPart(() => import('./RunDrawer.tsx').then((room) => room.RunDrawer))

const spans = [
  { value: '900', name: say.common.minutes15 },
  { value: '3600', name: say.common.hour },
  { value: '21600', name: say.runs.hours6 },
  { value: '86400', name: say.common.day },
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
            {say.runs.showTasks}
          </LinkButton>
          <Button size="xs" variant="default" onClick={() => setZoom(null)}>
            {say.runs.resetZoom}
          </Button>
        </>
      )}
      <Choice
        label={say.runs.timeOfRuns}
        value={'span' in range ? (String(range.span) as '3600') : ('' as '3600')}
        choices={spans}
        onChange={(value) => setSpan(Number(value))}
      />
    </div>
  )
  return (
    <Card title={say.runs.runs} aside={controls}>
      {error !== null && model.size === 0 ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <>
          <ul className={styles.legend} aria-label={say.runs.colors}>
            <li>
              <span className={`${styles.swatch} ${styles.waiting}`} />
              {statusName('waiting')}
            </li>
            {outcomes.map((outcome) => (
              <li key={outcome}>
                <span className={styles.swatch} style={{ background: statusColour(outcome) }} />
                {statusName(outcome)}
              </li>
            ))}
            <li>
              <span className={`${styles.swatch} ${styles.paused}`} />
              {statusName('paused')}
            </li>
          </ul>
          <RunsCanvas
            model={model}
            range={range}
            onZoom={setZoom}
            onReset={() => setZoom(null)}
            onOpen={setOpen}
          />
          {limited && <p className={styles.note}>{say.runs.limited}</p>}
          <details className={styles.table} onToggle={({ currentTarget }) => setTable(currentTarget.open)}>
            <summary>{say.runs.showAsATable}</summary>
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
