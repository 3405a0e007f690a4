import type { Stats, Status } from '../data/shapes.ts'
import { statuses as all, statusName } from '../data/statuses.ts'
import { say } from '../language/say.ts'
import { statusColour } from '../theme/statuses.ts'
import { countWords } from '../time/words.ts'
import styles from './StatusFilter.module.css'

type Props = Readonly<{
  statuses: readonly Status[]
  counts: Stats['counts'] | undefined
  /** The counts cover only part of the tasks. */
  isPartial: boolean
  onChange: (statuses: Status[]) => void
}>

/** Short-lived statuses, shown only while they have tasks. */
const passing: ReadonlySet<Status> = new Set(['pausing', 'cancelling'])

/** A toggle per status with its number of tasks. None selected means all. */
export function StatusFilter({ statuses, counts, isPartial, onChange }: Props) {
  return (
    <div className={styles.row} role="group" aria-label={say.common.status}>
      {all.map((status) => {
        const isOn = statuses.includes(status)
        const count = counts?.[status] ?? 0
        if (passing.has(status) && count === 0 && !isOn) return null
        return (
          <button
            key={status}
            type="button"
            className={styles.chip}
            aria-pressed={isOn}
            style={
              isOn ? { background: statusColour(status, 'soft'), color: statusColour(status, 'ink') } : {}
            }
            onClick={() => onChange(isOn ? statuses.filter((one) => one !== status) : [...statuses, status])}
          >
            <span className={styles.dot} style={{ background: statusColour(status) }} />
            <span className={styles.word}>{statusName(status)}</span>{' '}
            <span className={styles.count}>
              {counts === undefined ? '' : `${countWords(count)}${isPartial ? '+' : ''}`}
            </span>
          </button>
        )
      })}
    </div>
  )
}
