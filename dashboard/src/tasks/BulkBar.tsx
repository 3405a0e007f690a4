import { say } from '../language/say.ts'
import styles from './BulkBar.module.css'

/** Progress of a bulk action. */
export function BulkBar({ done, of }: Readonly<{ done: number; of: number }>) {
  return (
    <progress className={styles.bar} max={Math.max(1, of)} value={done} aria-label={say.common.progress} />
  )
}
