import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { TaskDetails } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { isActive, isTerminal } from '../live/patch.ts'
import { Elapsed } from '../time/Elapsed.tsx'
import { Time } from '../time/Time.tsx'
import { durationWords } from '../time/words.ts'
import styles from './Facts.module.css'

/** Times, durations and options of the task. Empty ones are omitted. */
export function Facts({ task, asOf }: Readonly<{ task: TaskDetails; asOf: number }>) {
  const { status, failures, crashes, max_attempts: most, attempt } = task
  const clock = (seconds: number, runs: boolean) =>
    runs ? <Elapsed seconds={seconds} asOf={asOf} /> : durationWords(seconds)
  return (
    <Card title="Details">
      <dl className={styles.facts}>
        <Fact name="Submitted">
          <Time at={task.created_at} />
        </Fact>
        <Fact name="Submitted by">
          <Link className={styles.tag} href={`/tasks?by=${encodeURIComponent(task.created_by)}`}>
            {task.created_by}
          </Link>
        </Fact>
        {task.run_at !== null && (
          <Fact name={isTerminal(status) || status === 'running' ? 'Was due' : 'Due'}>
            <Time at={task.run_at} />
          </Fact>
        )}
        {task.expires_at !== null && (
          <Fact name={isTerminal(status) ? 'Expired' : 'Expires'}>
            <Time at={task.expires_at} />
          </Fact>
        )}
        {task.parent_id !== null && (
          <Fact name="Parent">
            <TaskLink id={task.parent_id} />
          </Fact>
        )}
        {task.schedule_id !== null && (
          <Fact name="Schedule">
            <Link href={`/schedules/${encodeURIComponent(task.schedule_id)}`}>{task.schedule_id}</Link>
          </Fact>
        )}
        {task.tick_at !== null && (
          <Fact name="Tick">
            <Time at={task.tick_at} />
          </Fact>
        )}
        {task.waiting_for !== null && task.waiting_for.waits.length > 0 && (
          <Fact name="Waits for an answer">{task.waiting_for.waits.join(', ')}</Fact>
        )}
        {task.waiting_for?.until !== undefined && (
          <Fact name={task.waiting_for.waits.length > 0 ? 'Waits until' : 'Sleeps until'}>
            <Time at={task.waiting_for.until} />
          </Fact>
        )}
        {task.waiting_for !== null && task.waiting_for.tasks > 0 && (
          <Fact name="Waits for">
            {task.waiting_for.tasks} {task.waiting_for.tasks === 1 ? 'task' : 'tasks'}
          </Fact>
        )}
        {task.started_at !== null && (
          <Fact name="Started">
            <Time at={task.started_at} />
          </Fact>
        )}
        {task.completed_at !== null && (
          <Fact name="Finished">
            <Time at={task.completed_at} />
          </Fact>
        )}
        <Fact name="Queued for">{clock(task.queue_time, status === 'queued')}</Fact>
        <Fact name="Duration">{clock(task.execution_time, isActive(status))}</Fact>
        {(task.paused_time > 0 || status === 'paused') && (
          <Fact name="Paused for">{clock(task.paused_time, status === 'paused')}</Fact>
        )}
        <Fact name="Attempts">{attempt}</Fact>
        <Fact name="Failures">
          {failures} of {most}
        </Fact>
        {crashes > 0 && <Fact name="Node crashes">{crashes}</Fact>}
        <Fact name="Priority">{task.priority}</Fact>
        {task.timeout !== null && <Fact name="Timeout">{durationWords(task.timeout)}</Fact>}
        {most > 1 && (
          <Fact name="Back-off">
            {durationWords(task.backoff.base)} × {task.backoff.factor}, up to{' '}
            {durationWords(task.backoff.max)}
          </Fact>
        )}
        {task.ended_by !== null && <Fact name="Stopped">{endings[task.ended_by]}</Fact>}
        {task.idempotency_key !== null && (
          <Fact name="Idempotency key">
            <code>{task.idempotency_key}</code>
          </Fact>
        )}
        {task.unique !== null && (
          <Fact name={task.unique.debounced ? 'Debounce key' : 'Unique key'}>
            <code>{task.unique.key}</code>{' '}
            {task.unique.while === 'queued' ? 'until it starts' : 'until it ends'}
            {task.unique.for !== null && `, for at most ${durationWords(task.unique.for)}`}
          </Fact>
        )}
        {task.trace_id !== null && (
          <Fact name="Trace">
            <code>{task.trace_id}</code>
          </Fact>
        )}
        {task.tags.length > 0 && (
          <Fact name="Tags">
            {task.tags.map((tag) => (
              <Link key={tag} className={styles.tag} href={`/tasks?tag=${encodeURIComponent(tag)}`}>
                {tag}
              </Link>
            ))}
          </Fact>
        )}
        <Fact name="Fence">{task.fence}</Fact>
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
  cooperative: 'cooperatively',
  terminated: 'by force (thread terminated)',
  killed: 'by force (process killed)',
  abandoned: 'not yet (fenced off)',
  expired: 'because it did not start in time',
}
