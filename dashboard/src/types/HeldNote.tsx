import type { TypeDetails } from '../../../src/client/index.ts'
import { Sentence } from '../kit/Sentence.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import styles from './TypesPage.module.css'

/** Who holds the type, since when and why. */
export function HeldNote({ of: { held, hold } }: Readonly<{ of: TypeDetails }>) {
  if (!held) return null
  return (
    <p className={styles.held}>
      {hold === null ? say.types.held : <Sentence of={say.types.heldBy(hold.by, <Time at={hold.since} />)} />}
      {hold?.reason != null && ` (${hold.reason})`}
      {say.types.heldMeans}
    </p>
  )
}
