import { say } from '../language/say.ts'
import { statusColour } from '../theme/statuses.ts'
import styles from './SlotBar.module.css'

/** Up to this many slots are drawn as squares; more become one bar. */
const squares = 32

/** The slots of a node; those in use have the color of running tasks. */
export function SlotBar({ used, slots }: Readonly<{ used: number; slots: number }>) {
  const label = slots === 0 ? say.kit.noSlots : say.common.slotsInUse(used, slots)
  if (slots === 0) return <span className={styles.none}>{label}</span>
  const colour = statusColour('running')
  return (
    <div
      className={styles.row}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={slots}
      aria-valuenow={used}
    >
      {slots <= squares ? (
        Array.from({ length: slots }, (_, slot) => (
          <span key={slot} className={styles.slot} style={slot < used ? { background: colour } : {}} />
        ))
      ) : (
        <span className={styles.bar}>
          <span style={{ background: colour, width: `${(used / slots) * 100}%` }} />
        </span>
      )}
      <span className={styles.figure}>
        {used}/{slots}
      </span>
    </div>
  )
}
