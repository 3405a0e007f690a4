import { Link } from 'wouter'
import type { Stats } from '../data/shapes.ts'
import { statuses, statusName } from '../data/statuses.ts'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { countWords } from '../time/words.ts'
import styles from './TypesPage.module.css'

type Props = Readonly<{ type: string; counts: Stats['types'][string]['counts'] | undefined }>

/** The number of tasks of the type in each status, with links to them. */
export function TypeCounts({ type, counts = {} }: Props) {
  const present = statuses.filter((status) => (counts[status] ?? 0) > 0)
  if (present.length === 0) return <p className={styles.description}>{say.types.noTasksOfThisType}</p>
  return (
    <ul className={styles.counts} aria-label={say.types.tasksOf(type)}>
      {present.map((status) => (
        <li key={status}>
          <Link
            className={styles.count}
            href={`/tasks?type=${encodeURIComponent(type)}&status=${status}`}
            title={say.common.statusCount(counts[status] ?? 0, statusName(status))}
          >
            <StatusBadge status={status} />
            <strong>{countWords(counts[status] ?? 0)}</strong>
          </Link>
        </li>
      ))}
    </ul>
  )
}
