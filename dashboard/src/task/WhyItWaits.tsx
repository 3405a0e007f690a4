import { useQuery } from '@tanstack/react-query'
import { Fragment } from 'react'
import { Link } from 'wouter'
import { reads } from '../data/reads.ts'
import { useMe } from '../access/me.ts'
import { isLimited } from '../access/rights.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { blocking, limitPath } from '../limits/words.ts'
import { durationWords, exactCount } from '../time/words.ts'
import styles from './WhyItWaits.module.css'

/** The reasons why the task is not running now, most important first. */
export function WhyItWaits({ id }: Readonly<{ id: string }>) {
  const { data } = useQuery(reads.explain(id))
  const me = useMe()
  if (data === undefined) return null
  const { reasons, position, eta_seconds: eta } = data
  // The page of limits is for those who may see the tasks of all.
  const limits = me === undefined || isLimited(me) ? [] : blocking(data)
  const place = typeof position === 'number' ? exactCount(position) : position
  return (
    <section className={styles.why} aria-label={say.task.whyItIsWaiting}>
      <Icon name="clock" size={18} />
      <div>
        {reasons.map(({ code, message }) => (
          <p key={code}>{withLinks(message)}</p>
        ))}
        {limits.length > 0 && (
          <p className={styles.outlook}>
            {say.task.heldBackBy}
            {limits.map(({ name, key }, index) => (
              <Fragment key={name}>
                {index > 0 && ', '}
                <Link href={limitPath(name, key)}>{name}</Link>
              </Fragment>
            ))}
          </p>
        )}
        {(place !== null || eta !== null) && (
          <p className={styles.outlook}>
            {place !== null && say.task.queuePosition(place)}
            {place !== null && eta !== null && ' · '}
            {eta !== null && say.task.startsInAbout(durationWords(eta))}
          </p>
        )}
      </div>
    </section>
  )
}

/** Ids of tasks lead to them. */
function withLinks(message: string) {
  return message.split(/([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})/).map((part, index) =>
    index % 2 === 0 ? (
      part
    ) : (
      <Link key={part} href={`/tasks/${part}`}>
        {part}
      </Link>
    ),
  )
}
