import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { TaskDetails } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { isActive, isTerminal } from '../live/patch.ts'
import { Elapsed } from '../time/Elapsed.tsx'
import { Time } from '../time/Time.tsx'
import { durationWords, exactCount } from '../time/words.ts'
import styles from './Facts.module.css'

/** Times, durations and options of the task. Empty ones are omitted. */
export function Facts({ task, asOf }: Readonly<{ task: TaskDetails; asOf: number }>) {
  const { status, failures, crashes, max_attempts: most, attempt } = task
  const clock = (seconds: number, runs: boolean) =>
    runs ? <Elapsed seconds={seconds} asOf={asOf} /> : durationWords(seconds)
  return (
    <Card title={say.task.details}>
      <dl className={styles.facts}>
        <Fact name={say.common.submitted}>
          <Time at={task.created_at} />
        </Fact>
        <Fact name={say.common.submittedBy}>
          <Link className={styles.tag} href={`/tasks?by=${encodeURIComponent(task.created_by)}`}>
            {task.created_by}
          </Link>
        </Fact>
        {task.run_at !== null && (
          <Fact name={isTerminal(status) || status === 'running' ? say.task.wasDue : say.task.due}>
            <Time at={task.run_at} />
          </Fact>
        )}
        {task.expires_at !== null && (
          <Fact name={isTerminal(status) ? say.task.expired : say.task.expires}>
            <Time at={task.expires_at} />
          </Fact>
        )}
        {task.parent_id !== null && (
          <Fact name={say.task.parent}>
            <TaskLink id={task.parent_id} />
          </Fact>
        )}
        {task.schedule_id !== null && (
          <Fact name={say.common.schedule}>
            <Link href={`/schedules/${encodeURIComponent(task.schedule_id)}`}>{task.schedule_id}</Link>
          </Fact>
        )}
        {task.tick_at !== null && (
          <Fact name={say.task.tick}>
            <Time at={task.tick_at} />
          </Fact>
        )}
        {task.waiting_for !== null && task.waiting_for.waits.length > 0 && (
          <Fact name={say.task.waitsForAnswer}>{task.waiting_for.waits.join(', ')}</Fact>
        )}
        {task.waiting_for?.children !== undefined && (
          <Fact name={say.task.waitsFor}>{say.task.childCount(task.waiting_for.children)}</Fact>
        )}
        {task.waiting_for?.until !== undefined && (
          <Fact name={task.waiting_for.waits.length > 0 ? say.task.waitsUntil : say.task.sleepsUntil}>
            <Time at={task.waiting_for.until} />
          </Fact>
        )}
        {task.waiting_for !== null && task.waiting_for.tasks > 0 && (
          <Fact name={say.task.waitsFor}>{say.common.taskCount(task.waiting_for.tasks)}</Fact>
        )}
        {task.started_at !== null && (
          <Fact name={say.common.started}>
            <Time at={task.started_at} />
          </Fact>
        )}
        {task.completed_at !== null && (
          <Fact name={say.common.finished}>
            <Time at={task.completed_at} />
          </Fact>
        )}
        <Fact name={say.common.queuedFor}>{clock(task.queue_time, status === 'queued')}</Fact>
        <Fact name={say.common.duration}>{clock(task.execution_time, isActive(status))}</Fact>
        {(task.paused_time > 0 || status === 'paused') && (
          <Fact name={say.task.pausedFor}>{clock(task.paused_time, status === 'paused')}</Fact>
        )}
        <Fact name={say.common.attempts}>{attempt}</Fact>
        <Fact name={say.common.failures}>{say.common.of(exactCount(failures), exactCount(most))}</Fact>
        {crashes > 0 && <Fact name={say.task.nodeCrashes}>{crashes}</Fact>}
        <Fact name={say.common.priority}>{task.priority}</Fact>
        {task.timeout !== null && <Fact name={say.common.timeout}>{durationWords(task.timeout)}</Fact>}
        {most > 1 && (
          <Fact name={say.task.backOff}>
            {say.task.backOffOf(
              durationWords(task.backoff.base),
              exactCount(task.backoff.factor),
              durationWords(task.backoff.max),
            )}
          </Fact>
        )}
        {task.ended_by !== null && <Fact name={say.task.stopped}>{endings[task.ended_by]}</Fact>}
        {task.idempotency_key !== null && (
          <Fact name={say.task.idempotencyKey}>
            <code>{task.idempotency_key}</code>
          </Fact>
        )}
        {task.unique !== null && (
          <Fact name={task.unique.debounced ? say.task.debounceKey : say.task.uniqueKey}>
            <code>{task.unique.key}</code>{' '}
            {task.unique.while === 'queued' ? say.task.untilItStarts : say.task.untilItEnds}
            {task.unique.for !== null && say.task.forAtMost(durationWords(task.unique.for))}
          </Fact>
        )}
        {task.trace_id !== null && (
          <Fact name={say.task.trace}>
            <code>{task.trace_id}</code>
          </Fact>
        )}
        {task.tags.length > 0 && (
          <Fact name={say.common.tags}>
            {task.tags.map((tag) => (
              <Link key={tag} className={styles.tag} href={`/tasks?tag=${encodeURIComponent(tag)}`}>
                {tag}
              </Link>
            ))}
          </Fact>
        )}
        <Fact name={say.task.fence}>{task.fence}</Fact>
      </dl>
    </Card>
  )
}

function Fact({ name, children }: Readonly<{ name: string; children: ReactNode }>) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

const endings: Readonly<Record<NonNullable<TaskDetails['ended_by']>, string>> = {
  cooperative: say.task.cooperatively,
  terminated: say.task.byForceThreadTerminated,
  killed: say.task.byForceProcessKilled,
  abandoned: say.task.notYetFencedOff,
  expired: say.task.didNotStart,
}
