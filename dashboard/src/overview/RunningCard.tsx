import { Skeleton } from '@mantine/core'
import { Card } from '../kit/Card.tsx'
import { QuietLink } from '../kit/QuietLink.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { say } from '../language/say.ts'
import styles from './RunningCard.module.css'
import { RunningRow } from './RunningRow.tsx'
import type { Running } from './useRunning.ts'

/** The tasks in slots, with their progress. */
export function RunningCard({ of: { ids, tasks, error } }: Readonly<{ of: Running }>) {
  const all = <QuietLink to="/tasks?status=running,pausing,cancelling">{say.common.viewAll}</QuietLink>
  return (
    <Card title={say.common.running} aside={all} flush>
      {ids === undefined ? (
        <div className={styles.wait}>
          {error === null ? <Skeleton height={120} /> : <ErrorState error={error} />}
        </div>
      ) : ids.length === 0 ? (
        <EmptyState icon="gauge" title={say.overview.noRunningTasks}>
          <p>{say.overview.runningTasksAppearHere}</p>
        </EmptyState>
      ) : (
        <ul className={styles.rows} aria-label={say.overview.runningTasks}>
          {ids.map((id) => (
            <RunningRow key={id} id={id} tasks={tasks} />
          ))}
        </ul>
      )}
    </Card>
  )
}
