import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { messageWords } from '../kit/errors.ts'
import { QuietLink } from '../kit/QuietLink.tsx'
import { Time } from '../time/Time.tsx'
import styles from './Failures.module.css'

/** The latest failures, which are the first thing an operator looks for. */
export function Failures() {
  const { data } = useQuery(reads.failures())
  if (data === undefined || data.tasks.length === 0) return null
  return (
    <Card title="Recent failures" aside={<QuietLink to="/tasks?status=failed">View all</QuietLink>} flush>
      <ul className={styles.failures}>
        {data.tasks.map(({ task_id: id, task_type: type, error, completed_at: at }) => (
          <li key={id}>
            <Link href={`/tasks/${id}`} className={styles.failure}>
              <span className={styles.head}>
                <span className={styles.type}>{type}</span>
                <span className={styles.code}>{error?.code}</span>
                {at !== null && <Time at={at} />}
              </span>
              <span className={styles.message}>{error === null ? '' : messageWords(error)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  )
}
