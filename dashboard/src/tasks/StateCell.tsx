import { say } from '../language/say.ts'
import { isActive, type LiveTask } from '../live/patch.ts'
import { Sentence } from '../kit/Sentence.tsx'
import { ProgressLine } from '../task/ProgressLine.tsx'
import { Elapsed } from '../time/Elapsed.tsx'
import { Time } from '../time/Time.tsx'
import { messageWords } from '../kit/errors.ts'
import styles from './StateCell.module.css'

/** What matters in the current status: progress, error, or due time. */
export function StateCell({ task }: Readonly<{ task: LiveTask }>) {
  const { status, progress, error, run_at: due } = task
  if (isActive(status) || (status === 'paused' && progress !== null)) {
    return <ProgressLine progress={progress} status={status} label={say.common.progressOf(task.task_id)} />
  }
  if (status === 'failed' || (status === 'scheduled' && error !== null)) {
    return (
      <span className={styles.error} title={error?.message}>
        <strong>{error?.code}</strong> {error === null ? '' : messageWords(error)}
      </span>
    )
  }
  if (status === 'scheduled' && due !== null) {
    return (
      <span className={styles.quiet}>
        {say.tasks.due} <Time at={due} />
      </span>
    )
  }
  if (status === 'waiting') {
    const { tasks = 0, waits = [], children, until } = task.waiting_for ?? {}
    if (waits.length > 0)
      return <span className={styles.quiet}>{say.tasks.waitsForAnswer(waits.join(', '))}</span>
    if (children !== undefined)
      return <span className={styles.quiet}>{say.tasks.waitsForChildren(children)}</span>
    if (tasks === 0)
      return (
        <span className={styles.quiet}>
          {until === undefined ? say.tasks.sleeps : say.tasks.sleepsUntil}
          {until !== undefined && <Time at={until} />}
        </span>
      )
    return <span className={styles.quiet}>{say.tasks.waitsForTasks(tasks)}</span>
  }
  if (status === 'queued') {
    return (
      <span className={styles.quiet}>
        <Sentence of={say.tasks.queuedFor(<Elapsed seconds={task.queue_time} asOf={task.seen_at} />)} />
        {task.priority !== 0 && say.tasks.atPriority(task.priority)}
      </span>
    )
  }
  if (status === 'completed') return <span className={styles.quiet}>{progress?.message ?? ''}</span>
  return null
}
