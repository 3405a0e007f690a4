import { Link } from 'wouter'
import { statuses } from '../data/statuses.ts'
import type { Stats } from '../data/shapes.ts'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { countWords, exactCount } from '../time/words.ts'
import styles from './TypesPage.module.css'

type Props = Readonly<{ type: string; counts: Stats['types'][string]['counts'] | undefined }>

/** The number of tasks of the type in each status, with links to them. */
export function TypeCounts({ type, counts = {} }: Props) {
  const present = statuses.filter((status) => (counts[status] ?? 0) > 0)
  if (present.length === 0) return <p className={styles.description}>No tasks of this type</p>
  return (
    <ul className={styles.counts} aria-label={`Tasks of ${type}`}>
      {present.map((status) => (
        <li key={status}>
          <Link
            className={styles.count}
            href={`/tasks?type=${encodeURIComponent(type)}&status=${status}`}
            title={`${exactCount(counts[status] ?? 0)} ${status}`}
          >
            <StatusBadge status={status} />
            <strong>{countWords(counts[status] ?? 0)}</strong>
          </Link>
        </li>
      ))}
    </ul>
  )
}
