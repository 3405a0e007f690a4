import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { WhyItWaits } from '../task/WhyItWaits.tsx'
import { Time } from '../time/Time.tsx'
import styles from './Limits.module.css'

/** The task that has been queued for longest, and why it has not started. */
export function HeadOfQueue() {
  const { data } = useQuery(reads.oldestQueued())
  const [task] = data?.tasks ?? []
  if (task === undefined) return null
  return (
    <Card title={say.limits.oldestQueuedTask}>
      <div className={styles.stack}>
        <div>
          <TaskLink id={task.task_id} />
          <span className={styles.facts}>
            {say.limits.submittedAt(task.task_type)}
            <Time at={task.created_at} />
          </span>
        </div>
        <WhyItWaits id={task.task_id} />
      </div>
    </Card>
  )
}
