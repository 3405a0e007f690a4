import { Loader } from '@mantine/core'
import { useIsAway } from '../data/connection.ts'
import { say } from '../language/say.ts'
import styles from './AwayNotice.module.css'

/** Shown when the server has been unreachable for a moment. Data stays visible and is reloaded afterwards. */
export function AwayNotice() {
  const isAway = useIsAway()
  return (
    <div role="status" className={styles.place}>
      {isAway && (
        <div className={styles.notice}>
          <Loader size={14} color="currentColor" />
          <span>
            <strong>{say.app.serverUnreachable}</strong> {say.app.dataMayBeOld}
          </span>
        </div>
      )}
    </div>
  )
}
