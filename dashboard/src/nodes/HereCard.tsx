import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { Time } from '../time/Time.tsx'
import { durationWords } from '../time/words.ts'
import styles from './NodesPage.module.css'

/** Internals of the node that serves this page. */
export function HereCard({ node }: Readonly<{ node: Stats['node'] }>) {
  const { phase, parked, event_loop: loop } = node
  return (
    <Card title="This node">
      <dl className={styles.figures}>
        <div>
          <dt>Phase</dt>
          <dd style={{ textTransform: 'capitalize' }}>{phase}</dd>
        </div>
        <div>
          <dt>Parked handlers</dt>
          <dd>{parked}</dd>
        </div>
        <div>
          <dt>Event-loop delay p50</dt>
          <dd>{durationWords(loop.p50)}</dd>
        </div>
        <div>
          <dt>Event-loop delay p99</dt>
          <dd>{durationWords(loop.p99)}</dd>
        </div>
        <div>
          <dt>Event-loop delay max</dt>
          <dd>{durationWords(loop.max)}</dd>
        </div>
      </dl>
      <p className={styles.note}>
        How late the main thread runs. A handler that blocks it delays everything else on this node.
      </p>
      {loop.blocked.length > 0 && (
        <>
          <p className={styles.blocked}>
            Handlers that blocked it for more than a second. Consider running these types in threads:
          </p>
          <ul className={styles.blockers}>
            {loop.blocked.map(({ type, at, duration }) => (
              <li key={`${type} ${at}`}>
                <strong>{type}</strong> for {durationWords(duration)}, <Time at={at} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  )
}
