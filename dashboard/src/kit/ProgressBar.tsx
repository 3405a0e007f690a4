import type { Status } from '../data/shapes.ts'
import { statusColour } from '../theme/statuses.ts'
import styles from './ProgressBar.module.css'

type Props = Readonly<{
  /** From 0 to 1; null if the total is unknown. */
  ratio: number | null
  status: Status
  label: string
  size?: 'thin' | 'thick'
}>

export function ProgressBar({ ratio, status, label, size = 'thin' }: Props) {
  const share = ratio === null ? null : Math.max(0, Math.min(1, ratio))
  const isUnknown = share === null && status === 'running'
  return (
    <div
      className={styles.track}
      data-size={size}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(share === null ? {} : { 'aria-valuenow': Math.round(share * 100) })}
    >
      <div
        className={isUnknown ? styles.unknown : styles.bar}
        style={{ background: statusColour(status), transform: `translateX(${((share ?? 0) - 1) * 100}%)` }}
      />
    </div>
  )
}
