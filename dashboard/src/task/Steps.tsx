import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import type { TaskDetails, TaskStep } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { Card } from '../kit/Card.tsx'
import { errorWords } from '../kit/errors.ts'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { useClock } from '../time/ticks.ts'
import { durationWords, exactWords } from '../time/words.ts'
import { extentOf } from './lanes.ts'
import styles from './Steps.module.css'

/** The first steps that the task has stored, on the time axis of its life. */
export function Steps({ task }: Readonly<{ task: TaskDetails }>) {
  const { data } = useQuery(reads.steps(task.task_id, !isTerminal(task.status)))
  const now = useClock((present) => present)
  if (data === undefined || data.steps.length === 0) return null
  const { steps, next_cursor: next } = data
  const { from, to } = extentOf(task.timeline, now)
  const place = (step: TaskStep) => ({
    left: `min(${((step.started_at - from) / (to - from)) * 100}%, 100% - 4px)`,
    width: `${(Math.max(0, step.finished_at - step.started_at) / (to - from)) * 100}%`,
  })
  return (
    <Card title={say.task.steps} flush>
      <ol className={styles.steps}>
        {steps.map((step) => (
          <li key={`${step.occurrence} ${step.name}`} className={styles.step}>
            <span className={styles.name} title={step.name}>
              {step.name}
              {step.occurrence > 1 && <span className={styles.soft}>{` (${step.occurrence})`}</span>}
            </span>
            <span className={styles.lane}>
              <span
                className={styles.bar}
                data-failed={step.status === 'failed'}
                style={place(step)}
                title={say.task.stepAfter(
                  statusName(step.status),
                  durationWords(step.finished_at - step.started_at),
                  exactWords(step.finished_at),
                )}
              />
            </span>
            <span className={styles.soft}>{durationWords(step.finished_at - step.started_at)}</span>
            <span className={step.error === null ? styles.result : styles.error}>
              {step.error === null ? JSON.stringify(step.result) : errorWords(step.error)}
            </span>
          </li>
        ))}
      </ol>
      {next !== null && <p className={styles.more}>{say.task.firstAreShown(steps.length)}</p>}
    </Card>
  )
}
