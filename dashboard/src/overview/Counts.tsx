import { Link } from 'wouter'
import type { Stats, Status } from '../data/shapes.ts'
import { statuses, statusName } from '../data/statuses.ts'
import { say } from '../language/say.ts'
import { statusColour } from '../theme/statuses.ts'
import { countWords, exactCount } from '../time/words.ts'
import styles from './Counts.module.css'

/** Statuses that are short-lived or rare, shown only while they have tasks. */
const passing: ReadonlySet<Status> = new Set(['waiting', 'pausing', 'cancelling'])

/** The number of tasks in each status, with links to them. */
export function Counts({ counts }: Readonly<{ counts: Stats['counts'] | undefined }>) {
  const shown = statuses.filter((status) => !passing.has(status) || (counts?.[status] ?? 0) > 0)
  return (
    <ul className={styles.counts} aria-label={say.overview.tasksByStatus}>
      {shown.map((status) => {
        const count = counts?.[status] ?? 0
        return (
          <li key={status}>
            <Link href={`/tasks?status=${status}`} className={styles.count} data-none={count === 0}>
              <span className={styles.name}>
                <span className={styles.dot} style={{ background: statusColour(status) }} />
                <span className={styles.word}>{statusName(status)}</span>
              </span>
              <span className={styles.number} title={exactCount(count)}>
                {counts === undefined ? '–' : countWords(count)}
              </span>
            </Link>
          </li>
        )
      })}
    </ul>
  )
}
