import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import type { TaskDetails } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { Card } from '../kit/Card.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import styles from './Family.module.css'

/** The tasks that the task has started, and those that wait for it. */
export function Family({ task, isLive }: Readonly<{ task: TaskDetails; isLive: boolean }>) {
  const { data } = useQuery(reads.family(task.task_id, isLive))
  if (data === undefined) return null
  const { children, successors } = data
  const { total, by_status: counts, tasks } = children
  return (
    <>
      {total > 0 && (
        <Card title={say.task.children} flush>
          {total > 1 && (
            <p className={styles.counts}>
              {Object.entries(counts)
                .map(([status, count]) => say.common.statusCount(count, statusName(status)))
                .join(' · ')}
            </p>
          )}
          <ul className={styles.list}>
            {tasks.map(({ task_id: id, task_type: type, status, name, occurrence }) => (
              <li key={id} className={styles.row}>
                <StatusBadge status={status} />
                <span className={styles.name} title={name}>
                  {name}
                  {occurrence > 1 && <span className={styles.soft}>{` (${occurrence})`}</span>}
                  {name !== type && <span className={styles.soft}>{` · ${type}`}</span>}
                </span>
                <TaskLink id={id} />
              </li>
            ))}
          </ul>
          {children.next_cursor !== null && (
            <p className={styles.counts}>{say.task.firstOfAreShown(tasks.length, total)}</p>
          )}
        </Card>
      )}
      {successors.length > 0 && (
        <Card title={say.task.waitingForThisTask} flush>
          <ul className={styles.list}>
            {successors.map(({ task_id: id, task_type: type, status }) => (
              <li key={id} className={styles.row}>
                <StatusBadge status={status} />
                <span className={styles.name}>{type}</span>
                <TaskLink id={id} />
              </li>
            ))}
          </ul>
        </Card>
      )}
    </>
  )
}
