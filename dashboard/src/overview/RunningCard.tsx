import { Skeleton } from '@mantine/core'
import { Card } from '../kit/Card.tsx'
import { QuietLink } from '../kit/QuietLink.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import styles from './RunningCard.module.css'
import { RunningRow } from './RunningRow.tsx'
import { useRunning } from './useRunning.ts'

/** The tasks that hold slots now, with how far they are. */
export function RunningCard() {
  const { ids, tasks, hasMore, error } = useRunning()
  const all = (
    <QuietLink to="/tasks?status=running,pausing,cancelling">
      {hasMore ? 'More of them' : 'In the table'}
    </QuietLink>
  )
  return (
    <Card title="Running" aside={all} flush>
      {ids === undefined ? (
        <div className={styles.wait}>
          {error === null ? <Skeleton height={120} /> : <ErrorState error={error} />}
        </div>
      ) : ids.length === 0 ? (
        <EmptyState icon="gauge" title="Nothing runs now">
          <p>Tasks show up here with their progress as soon as they take a slot.</p>
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
