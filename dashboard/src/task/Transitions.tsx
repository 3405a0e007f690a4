import type { TaskDetails } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { errorWords, isShownAbove } from '../kit/errors.ts'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { durationWords, exactWords, clockWords } from '../time/words.ts'
import { eventName } from './events.ts'
import styles from './Transitions.module.css'

/** The events of the task, newest first. */
export function Transitions({ task }: Readonly<{ task: TaskDetails }>) {
  const { timeline } = task
  const rows = timeline.map((line, index) => {
    const before = timeline[index - 1]
    return {
      line,
      since: before === undefined ? null : line.at - before.at,
      isGap: before !== undefined && before.version !== line.version - 1,
    }
  })
  return (
    <Card title={say.common.events} flush>
      <ol className={styles.timeline} reversed>
        {rows.toReversed().map(({ line, since, isGap }) => (
          <li key={line.version} className={styles.entry}>
            <time title={exactWords(line.at)}>{clockWords(line.at)}</time>
            <span className={styles.since}>{since === null ? '' : `+${durationWords(since)}`}</span>
            <span className={styles.status}>
              <StatusBadge status={line.status} />
            </span>
            <span className={styles.what}>
              <span className={styles.move}>{eventName(line.event)}</span>
              <span className={styles.by} title={line.by}>
                {say.task.by(nameOf(line.by))}
                {line.attempt > 0 && say.task.attemptAfter(line.attempt)}
              </span>
              {line.why !== undefined && <span className={styles.why}>{line.why}</span>}
              {line.error !== undefined && (
                <span className={styles.error}>
                  {isShownAbove(line.error, task.error) ? line.error.code : errorWords(line.error)}
                </span>
              )}
              {isGap && <span className={styles.why}>{say.task.earlierEventsAreGone}</span>}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  )
}

/** Ids of nodes begin with a time, so their endings tell them apart. */
function nameOf(by: string): string {
  return by.length > 20 ? say.task.nodeEndingIn(by.slice(-6)) : by
}
