import { Fragment } from 'react'
import type { TaskDetails } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { Card } from '../kit/Card.tsx'
import { say } from '../language/say.ts'
import { statusColour } from '../theme/statuses.ts'
import { useClock } from '../time/ticks.ts'
import { durationWords, exactWords } from '../time/words.ts'
import { extentOf, lanes, stretchesOf } from './lanes.ts'
import { Axis } from './Axis.tsx'
import styles from './Lanes.module.css'

const names = { waiting: say.common.waiting, running: say.common.running, paused: say.common.paused } as const

/** The timeline of the task in lanes: its statuses and attempts over time. */
export function Lanes({ task }: Readonly<{ task: TaskDetails }>) {
  const now = useClock((present) => present)
  const { timeline, attempts } = task
  const extent = extentOf(timeline, now)
  const length = extent.to - extent.from
  const stretches = stretchesOf(timeline, now)
  const place = (from: number, to: number) => ({
    // What ends with the axis stays visible, however short it is.
    left: `min(${((from - extent.from) / length) * 100}%, 100% - 4px)`,
    width: `${(Math.max(0, to - from) / length) * 100}%`,
  })
  const shown = lanes.filter(
    (lane) => lane !== 'paused' || stretches.some((stretch) => stretch.lane === 'paused'),
  )
  return (
    <Card
      title={say.task.timeline}
      aside={<span className={styles.total}>{say.task.total(durationWords(length))}</span>}
    >
      <div className={styles.lanes} role="img" aria-label={summaryOf(task, now)}>
        {shown.map((lane) => (
          <Fragment key={lane}>
            <span className={styles.name}>{names[lane]}</span>
            <span className={styles.lane}>
              {stretches
                .filter((stretch) => stretch.lane === lane)
                .map(({ status, from, to, isOpen }) => (
                  <span
                    key={`${status}${from}`}
                    className={styles.stretch}
                    data-open={isOpen}
                    style={{ ...place(from, to), background: statusColour(status) }}
                    title={say.task.forFrom(statusName(status), durationWords(to - from), exactWords(from))}
                  />
                ))}
            </span>
          </Fragment>
        ))}
        {attempts.length > 0 && (
          <>
            <span className={styles.name}>
              {attempts.length === 1 ? say.task.attempt : say.common.attempts}
            </span>
            <span className={styles.lane}>
              {attempts.map(({ attempt, started_at: from, ended_at: to, error }) =>
                from === null ? null : (
                  <span
                    key={attempt}
                    className={styles.attempt}
                    data-failed={error !== null}
                    style={place(from, to ?? extent.to)}
                    title={`${say.task.attemptNumber(attempt)}${error === null ? '' : `: ${error.code}`}`}
                  >
                    {attempt}
                  </span>
                ),
              )}
            </span>
          </>
        )}
        <span />
        <Axis length={length} />
      </div>
    </Card>
  )
}

function summaryOf({ timeline }: TaskDetails, now: number): string {
  const stretches = stretchesOf(timeline, now)
  return stretches
    .map(({ status, from, to }) => say.task.lasting(statusName(status), durationWords(to - from)))
    .join(say.task.andThen)
}
