import styles from './Sparkline.module.css'

type Props = Readonly<{
  counts: readonly number[]
  /** For screen readers and on hover: what the bars count. */
  label: string
}>

/** A bar for each step of a span of time, the oldest first. */
export function Sparkline({ counts, label }: Props) {
  const most = Math.max(1, ...counts)
  return (
    <span className={styles.bars} role="img" aria-label={label} title={label}>
      {counts.map((count, step) => (
        <span
          key={step}
          className={styles.bar}
          data-none={count === 0}
          style={{ height: count === 0 ? 2 : `${Math.max(12, (count / most) * 100)}%` }}
        />
      ))}
    </span>
  )
}
