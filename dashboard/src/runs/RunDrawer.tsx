import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Dialog } from '../kit/Dialog.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { Controls } from '../task/Controls.tsx'
import { Facts } from '../task/Facts.tsx'
import { Failure } from '../task/Failure.tsx'
import { Lanes } from '../task/Lanes.tsx'
import { ProgressLine } from '../task/ProgressLine.tsx'
import styles from './RunDrawer.module.css'

/** A task beside the picture in which it was chosen. The page keeps its only stream, so it is read again while it is open. */
export function RunDrawer({ id, onClose }: Readonly<{ id: string; onClose: () => void }>) {
  const read = useQuery({
    ...reads.task(id),
    refetchInterval: ({ state: { data } }) => (data !== undefined && isTerminal(data.status) ? false : 2_000),
  })
  const { data: task, dataUpdatedAt } = read
  return (
    <Dialog title={task?.task_type ?? say.common.task} isOpen isAside onClose={onClose}>
      <Loaded of={read} height={300}>
        {(shown) => (
          <div className={styles.drawer}>
            <div className={styles.head}>
              <StatusBadge status={shown.status} />
              <code>{id}</code>
              <LinkButton to={`/tasks/${id}`} size="xs" variant="default">
                {say.runs.openTask}
              </LinkButton>
            </div>
            <ProgressLine
              progress={shown.progress}
              status={shown.status}
              label={say.common.progressOf(shown.task_type)}
            />
            <Controls task={shown} />
            {shown.error !== null && shown.status !== 'completed' && (
              <Failure error={shown.error} isFinal={shown.status === 'failed'} />
            )}
            <Lanes task={shown} />
            <Facts task={shown} asOf={dataUpdatedAt / 1_000} />
          </div>
        )}
      </Loaded>
    </Dialog>
  )
}
