import type { TaskDetails } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { useDocumentTitle } from '@mantine/hooks'
import { Document } from '../kit/Document.tsx'
import { Attempts } from './Attempts.tsx'
import { Facts } from './Facts.tsx'
import { Family } from './Family.tsx'
import { Failure } from './Failure.tsx'
import { Lanes } from './Lanes.tsx'
import { Log } from './Log.tsx'
import { TaskHead } from './TaskHead.tsx'
import styles from './TaskView.module.css'
import { Transitions } from './Transitions.tsx'
import { Waits } from './Waits.tsx'
import { Waterfall } from './Waterfall.tsx'
import { WhyItWaits } from './WhyItWaits.tsx'
import { progressWords, shownProgress } from './progress.ts'

type Props = Readonly<{
  task: TaskDetails
  /** Unix seconds of the read. */
  asOf: number
}>

export function TaskView({ task, asOf }: Props) {
  const { status, task_type: type, error } = task
  useDocumentTitle(
    `${progressWords(shownProgress(task))?.split(' ')[0] ?? statusName(status)} · ${type} · Fermata`,
  )
  return (
    <div className={styles.view}>
      <TaskHead task={task} asOf={asOf} />
      {!isTerminal(status) && status !== 'running' && <WhyItWaits id={task.task_id} />}
      {error !== null && status !== 'completed' && <Failure error={error} isFinal={status === 'failed'} />}
      <div className={styles.columns}>
        <div className={styles.stack}>
          {status === 'completed' && (
            <Document title={say.common.result} value={task.result} file={`${task.task_id}-result`} />
          )}
          <Waits task={task} />
          <Lanes task={task} />
          <Waterfall task={task} />
          <Family task={task} isLive={!isTerminal(status)} />
          <Log id={task.task_id} isLive={!isTerminal(status)} />
          <Transitions task={task} />
        </div>
        <div className={styles.stack}>
          <Facts task={task} asOf={asOf} />
          <Document
            title={say.common.parameters}
            value={task.parameters}
            file={`${task.task_id}-parameters`}
          />
          {task.checkpoint !== null && (
            <Document
              title={say.task.checkpoint}
              value={task.checkpoint}
              file={`${task.task_id}-checkpoint`}
            />
          )}
          {task.attempts.length > 1 && <Attempts task={task} />}
        </div>
      </div>
    </div>
  )
}
