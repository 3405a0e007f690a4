import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { reads } from '../data/reads.ts'
import { groupAddress } from '../failures/address.ts'
import { Card } from '../kit/Card.tsx'
import { messageWords } from '../kit/errors.ts'
import { QuietLink } from '../kit/QuietLink.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { countWords } from '../time/words.ts'
import styles from './Failures.module.css'

/** The causes of the latest failures, which are the first thing an operator looks for. */
export function Failures() {
  const { data } = useQuery(reads.failures({ limit: 5 }))
  if (data === undefined || data.failures.length === 0) return null
  return (
    <Card
      title={say.overview.recentFailures}
      aside={<QuietLink to="/failures">{say.common.viewAll}</QuietLink>}
      flush
    >
      <ul className={styles.failures}>
        {data.failures.map((group) => {
          const { fingerprint, task_id: id, types, code, message, count, last_failed_at: at } = group
          return (
            <li key={fingerprint}>
              <Link href={count === 1 ? `/tasks/${id}` : groupAddress(group)} className={styles.failure}>
                <span className={styles.head}>
                  <span className={styles.type}>{types.map(({ type }) => type).join(', ')}</span>
                  <span className={styles.code}>{code}</span>
                  {count > 1 && <span className={styles.count}>×{countWords(count)}</span>}
                  <Time at={at} />
                </span>
                <span className={styles.message}>
                  {message === null ? '' : messageWords({ code, message })}
                </span>
              </Link>
            </li>
          )
        })}
      </ul>
    </Card>
  )
}
