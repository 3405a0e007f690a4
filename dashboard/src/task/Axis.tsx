import { durationWords } from '../time/words.ts'
import styles from './Axis.module.css'
import { ticksOf } from './lanes.ts'

/** The labels below a time axis that begins with 0; `length` in seconds. */
export function Axis({ length }: Readonly<{ length: number }>) {
  return (
    <span className={styles.axis}>
      {ticksOf(length).map((tick) => (
        <span key={tick} data-end={tick / length > 0.93} style={{ left: `${(tick / length) * 100}%` }}>
          {tick === 0 ? '0' : durationWords(tick)}
        </span>
      ))}
    </span>
  )
}
