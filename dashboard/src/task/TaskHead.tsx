import { QuietLink } from '../kit/QuietLink.tsx'
import type { TaskDetails } from '../data/shapes.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import { ProgressBar } from '../kit/ProgressBar.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { isActive } from '../live/patch.ts'
import { Elapsed } from '../time/Elapsed.tsx'
import { durationWords } from '../time/words.ts'
import { Announcement } from './Announcement.tsx'
import { Controls } from './Controls.tsx'
import { paceWords, progressWords, shownProgress } from './progress.ts'
import styles from './TaskHead.module.css'

/** Identity, status, progress and controls of the task. */
export function TaskHead({ task, asOf }: Readonly<{ task: TaskDetails; asOf: number }>) {
  const { task_id: id, task_type: type, status, execution_time: active } = task
  const progress = shownProgress(task)
  return (
    <header className={styles.head}>
      <div className={styles.back}>
        <QuietLink to="/tasks">{say.common.tasks}</QuietLink>
        <span aria-hidden="true">/</span>
        <QuietLink to={`/tasks?type=${encodeURIComponent(type)}`}>{type}</QuietLink>
      </div>
      <div className={styles.row}>
        <div>
          <div className={styles.name}>
            <h1>{type}</h1>
            <StatusBadge status={status} />
          </div>
          <div className={styles.id}>
            <code>{id}</code>
            <CopyButton text={id} what={say.common.theId} />
          </div>
        </div>
        <Controls task={task} />
      </div>
      <div className={styles.progress} data-status={status}>
        <div className={styles.line}>
          <span>
            {progressWords(progress) ??
              (task.started_at === null ? say.task.notStartedYet : say.task.noProgressReported)}
          </span>
          <span className={styles.pace}>
            {paceWords(progress)}
            {task.started_at !== null && (
              <>
                {paceWords(progress) !== '' && ' · '}
                {isActive(status) ? <Elapsed seconds={active} asOf={asOf} /> : durationWords(active)}{' '}
                {say.task.active}
              </>
            )}
          </span>
        </div>
        <ProgressBar
          size="thick"
          ratio={status === 'completed' ? 1 : (progress?.ratio ?? null)}
          status={status}
          label={say.common.progressOf(type)}
        />
      </div>
      <Announcement task={task} />
    </header>
  )
}
