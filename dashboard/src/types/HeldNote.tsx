import type { TypeDetails } from '../../../src/client/index.ts'
import { Time } from '../time/Time.tsx'
import styles from './TypesPage.module.css'

/** Who holds the type, since when and why. */
export function HeldNote({ of: { held, hold } }: Readonly<{ of: TypeDetails }>) {
  if (!held) return null
  return (
    <p className={styles.held}>
      Held
      {hold !== null && (
        <>
          {' '}
          by {hold.by} <Time at={hold.since} />
        </>
      )}
      {hold?.reason != null && ` (${hold.reason})`}: tasks of this type do not start. Running tasks continue,
      and new ones are accepted.
    </p>
  )
}
