import type { Status } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { statusColour } from '../theme/statuses.ts'
import styles from './StatusBadge.module.css'

/** The status of a task in its color. The dot of active statuses pulses. */
export function StatusBadge({ status }: Readonly<{ status: Status }>) {
  return (
    <span
      className={styles.badge}
      data-status={status}
      style={{ background: statusColour(status, 'soft'), color: statusColour(status, 'ink') }}
    >
      <span className={styles.dot} style={{ background: statusColour(status) }} />
      <span className={styles.word}>{statusName(status)}</span>
    </span>
  )
}
