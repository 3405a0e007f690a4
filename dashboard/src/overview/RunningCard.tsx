import { Skeleton } from '@mantine/core'
import { Card } from '../kit/Card.tsx'
import { QuietLink } from '../kit/QuietLink.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import styles from './RunningCard.module.css'
import { RunningRow } from './RunningRow.tsx'
import type { Running } from './useRunning.ts'

/** The tasks in slots, with their progress. */
export function RunningCard({ of: { ids, tasks, error } }: Readonly<{ of: Running }>) {
  const all = <QuietLink to="/tasks?status=running,pausing,cancelling">View all</QuietLink>
  return (
    <Card title="Running" aside={all} flush>
      {ids === undefined ? (
        <div className={styles.wait}>
          {error === null ? <Skeleton height={120} /> : <ErrorState error={error} />}
        </div>
      ) : ids.length === 0 ? (
        <EmptyState icon="gauge" title="No running tasks">
          <p>Running tasks appear here with their progress.</p>
        </EmptyState>
      ) : (
        <ul className={styles.rows} aria-label="Running tasks">
          {ids.map((id) => (
            <RunningRow key={id} id={id} tasks={tasks} />
          ))}
        </ul>
      )}
    </Card>
  )
}
