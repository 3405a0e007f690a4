import { Link } from 'wouter'
import type { LimitDetails } from '../../../src/client/index.ts'
import { Tally } from '../kit/Entries.tsx'
import { say } from '../language/say.ts'
import { exactCount } from '../time/words.ts'
import { LimitActions } from './LimitActions.tsx'
import styles from './Limits.module.css'
import { boundsWords, countedWords, limitPath } from './words.ts'

type Props = Readonly<{ of: LimitDetails; isAlone?: boolean }>

/** A limit: what it allows, what is in use, and what can be done to it. */
export function LimitFacts({ of: limit, isAlone = false }: Props) {
  const { name, origin, running, buckets, blocked } = limit
  return (
    <div className={styles.limit}>
      <div className={styles.what}>
        {!isAlone && (
          <Link href={limitPath(name)} className={styles.name}>
            {name}
          </Link>
        )}
        <div>{boundsWords(limit)}</div>
        <div className={styles.facts}>
          {origin === 'api' ? say.limits.setByHand : say.limits.declaredBy(origin)}
        </div>
      </div>
      <Tally
        of={[
          [say.limits.inRun, exactCount(running)],
          [say.limits.keysInUse(buckets), countedWords(buckets)],
          [say.limits.blocked, countedWords(blocked)],
        ]}
      />
      <LimitActions of={limit} />
    </div>
  )
}
