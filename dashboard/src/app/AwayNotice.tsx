import { Loader } from '@mantine/core'
import { useIsAway } from '../data/connection.ts'
import styles from './AwayNotice.module.css'

/** Stands while the server does not answer, after a moment of grace; what is seen stays, and is read anew afterwards. */
export function AwayNotice() {
  const isAway = useIsAway()
  return (
    <div role="status" className={styles.place}>
      {isAway && (
        <div className={styles.notice}>
          <Loader size={14} color="currentColor" />
          <span>
            <strong>Server unreachable.</strong> Data may be out of date. This page reconnects automatically.
          </span>
        </div>
      )}
    </div>
  )
}
