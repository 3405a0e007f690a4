import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { Sentence } from '../kit/Sentence.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { durationWords } from '../time/words.ts'
import styles from './NodesPage.module.css'

/** Internals of the node that serves this page. */
export function HereCard({ node }: Readonly<{ node: Stats['node'] }>) {
  const { phase, parked, event_loop: loop } = node
  return (
    <Card title={say.nodes.thisNode}>
      <dl className={styles.figures}>
        <div>
          <dt>{say.nodes.phase}</dt>
          <dd>{say.nodes.phases[phase]}</dd>
        </div>
        <div>
          <dt>{say.nodes.parkedHandlers}</dt>
          <dd>{parked}</dd>
        </div>
        <div>
          <dt>{say.nodes.eventLoopDelayP50}</dt>
          <dd>{durationWords(loop.p50)}</dd>
        </div>
        <div>
          <dt>{say.nodes.eventLoopDelayP99}</dt>
          <dd>{durationWords(loop.p99)}</dd>
        </div>
        <div>
          <dt>{say.nodes.eventLoopDelayMax}</dt>
          <dd>{durationWords(loop.max)}</dd>
        </div>
      </dl>
      <p className={styles.note}>{say.nodes.eventLoopMeans}</p>
      {loop.blocked.length > 0 && (
        <>
          <p className={styles.blocked}>{say.nodes.blockers}</p>
          <ul className={styles.blockers}>
            {loop.blocked.map(({ type, at, duration }) => (
              <li key={`${type} ${at}`}>
                <Sentence
                  of={say.nodes.blockedFor(
                    <strong>{type}</strong>,
                    durationWords(duration),
                    <Time at={at} />,
                  )}
                />
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  )
}
