import type { TypeDetails } from '../../../src/client/index.ts'
import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { Icon } from '../kit/Icon.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { durationWords } from '../time/words.ts'
import { HeldNote } from './HeldNote.tsx'
import { HoldButton } from './HoldButton.tsx'
import { TypeCounts } from './TypeCounts.tsx'
import styles from './TypesPage.module.css'
import { placeWords } from './words.ts'

type Props = Readonly<{ type: TypeDetails; figures: Stats['types'][string] | undefined }>

/** How long a task has its unique key, in words. */
const spans = {
  queued: 'one task per key until it starts',
  unfinished: 'one unfinished task per key',
} as const

/** What a type is and does, and where its tasks are. */
export function TypeCard({ type, figures }: Props) {
  const {
    type: name,
    description,
    held,
    runs,
    concurrency,
    max_attempts: attempts,
    timeout,
    expires_in: expires,
    max_queued: most,
    unique,
  } = type
  const expected = figures?.expected_duration ?? null
  const facts = [
    ['Duration', expected === null ? 'No estimate yet' : `about ${durationWords(Math.max(0.001, expected))}`],
    ['Runs', placeWords(runs)],
    ...(concurrency === null ? [] : [['Concurrency', `${concurrency} across all nodes`]]),
    ...(attempts === 1 ? [] : [['Attempts', String(attempts)]]),
    ...(timeout === null ? [] : [['Timeout', durationWords(timeout)]]),
    ...(most === null ? [] : [['May wait', `${most} tasks`]]),
    ...(expires === null ? [] : [['Starts', `within ${durationWords(expires)}, or is cancelled`]]),
    ...(unique === null ? [] : [['Unique', spans[unique.while]]]),
  ]
  const actions = (
    <div className={styles.actions}>
      <LinkButton
        to={`/submit/${encodeURIComponent(name)}`}
        variant="subtle"
        size="xs"
        leftSection={<Icon name="send" size={14} />}
        aria-label={`Submit ${name}`}
      >
        Submit
      </LinkButton>
      <HoldButton type={name} held={held} />
    </div>
  )
  return (
    <Card title="Type" aside={actions}>
      <HeldNote of={type} />
      <p className={styles.description}>{description}</p>
      <TypeCounts type={name} counts={figures?.counts} />
      <dl className={styles.facts}>
        {facts.map(([term = '', fact = '']) => (
          <Fact key={term} term={term} fact={fact} />
        ))}
        {figures !== undefined && figures.fenced_off > 0 && (
          <Fact
            term="Fenced off"
            fact={`${figures.fenced_off} ${figures.fenced_off === 1 ? 'slot' : 'slots'} in use by code that did not stop`}
          />
        )}
      </dl>
      <details className={styles.schema}>
        <summary>Schema and example</summary>
        {type.example !== null && (
          <pre className={styles.code} tabIndex={0}>
            {JSON.stringify(type.example, null, 2)}
          </pre>
        )}
        <pre className={styles.code} tabIndex={0}>
          {JSON.stringify(type.parameters, null, 2)}
        </pre>
      </details>
    </Card>
  )
}

function Fact({ term, fact }: Readonly<{ term: string; fact: string }>) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{fact}</dd>
    </>
  )
}
