import type { TypeDetails } from '../../../src/client/index.ts'
import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { Icon } from '../kit/Icon.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { say } from '../language/say.ts'
import { durationWords } from '../time/words.ts'
import { HeldNote } from './HeldNote.tsx'
import { HoldButton } from './HoldButton.tsx'
import { TypeCounts } from './TypeCounts.tsx'
import styles from './TypesPage.module.css'
import { placeWords } from './words.ts'

type Props = Readonly<{ type: TypeDetails; figures: Stats['types'][string] | undefined }>

/** How long a task has its unique key, in words. */
const spans = {
  queued: say.types.uniqueWhileQueued,
  unfinished: say.types.uniqueWhileUnfinished,
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
    [
      say.common.duration,
      expected === null ? say.types.noEstimateYet : say.types.about(durationWords(Math.max(0.001, expected))),
    ],
    [say.types.runs, placeWords(runs)],
    ...(concurrency === null ? [] : [[say.types.concurrency, say.types.acrossAllNodes(concurrency)]]),
    ...(attempts === 1 ? [] : [[say.common.attempts, String(attempts)]]),
    ...(timeout === null ? [] : [[say.common.timeout, durationWords(timeout)]]),
    ...(most === null ? [] : [[say.types.mayWait, say.common.taskCount(most)]]),
    ...(expires === null ? [] : [[say.types.starts, say.types.startsWithin(durationWords(expires))]]),
    ...(unique === null ? [] : [[say.types.unique, spans[unique.while]]]),
  ]
  const actions = (
    <div className={styles.actions}>
      <LinkButton
        to={`/submit/${encodeURIComponent(name)}`}
        variant="subtle"
        size="xs"
        leftSection={<Icon name="send" size={14} />}
        aria-label={say.common.submitType(name)}
      >
        {say.common.submit}
      </LinkButton>
      <HoldButton type={name} held={held} />
    </div>
  )
  return (
    <Card title={say.common.type} aside={actions}>
      <HeldNote of={type} />
      <p className={styles.description}>{description}</p>
      <TypeCounts type={name} counts={figures?.counts} />
      <dl className={styles.facts}>
        {facts.map(([term = '', fact = '']) => (
          <Fact key={term} term={term} fact={fact} />
        ))}
        {figures !== undefined && figures.fenced_off > 0 && (
          <Fact term={say.types.fencedOff} fact={say.types.fencedOffSlots(figures.fenced_off)} />
        )}
      </dl>
      <details className={styles.schema}>
        <summary>{say.types.schemaAndExample}</summary>
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
