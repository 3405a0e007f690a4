import { Link } from 'wouter'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { useLiveTask, type LiveTasks } from '../live/tasks.ts'
import { ProgressLine } from '../task/ProgressLine.tsx'
import { Elapsed } from '../time/Elapsed.tsx'
import { durationWords } from '../time/words.ts'
import styles from './RunningRow.module.css'

export function RunningRow({ id, tasks }: Readonly<{ id: string; tasks: LiveTasks }>) {
  const task = useLiveTask(tasks, id)
  if (task === undefined) return null
  const { progress, status, task_type: type } = task
  return (
    <li className={styles.row} data-over={isTerminal(status)}>
      <Link href={`/tasks/${id}`} className={styles.link} title={id}>
        <span className={styles.type}>{type}</span>
        <span className={styles.id}>…{id.slice(-8)}</span>
      </Link>
      <div className={styles.progress}>
        <ProgressLine progress={progress} status={status} label={say.common.progressOf(type)} />
      </div>
      <span className={styles.status}>
        <StatusBadge status={status} />
      </span>
      <span className={styles.time} title={say.common.duration}>
        {isTerminal(status) ? (
          durationWords(task.execution_time)
        ) : (
          <Elapsed seconds={task.execution_time} asOf={task.seen_at} />
        )}
      </span>
    </li>
  )
}
