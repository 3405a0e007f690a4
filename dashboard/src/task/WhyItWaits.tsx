import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { reads } from '../data/reads.ts'
import { Icon } from '../kit/Icon.tsx'
import { durationWords, exactCount } from '../time/words.ts'
import styles from './WhyItWaits.module.css'

/** The reasons why the task is not running now, most important first. */
export function WhyItWaits({ id }: Readonly<{ id: string }>) {
  const { data } = useQuery(reads.explain(id))
  if (data === undefined) return null
  const { reasons, position, eta_seconds: eta } = data
  const place = typeof position === 'number' ? exactCount(position) : position
  return (
    <section className={styles.why} aria-label="Why it is waiting">
      <Icon name="clock" size={18} />
      <div>
        {reasons.map(({ code, message }) => (
          <p key={code}>{withLinks(message)}</p>
        ))}
        {(place !== null || eta !== null) && (
          <p className={styles.outlook}>
            {place !== null && `Queue position ${place}`}
            {place !== null && eta !== null && ' · '}
            {eta !== null && `Starts in about ${durationWords(eta)}`}
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
