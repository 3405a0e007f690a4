import { Checkbox } from '@mantine/core'
import { memo } from 'react'
import { useLocation } from 'wouter'
import { base } from '../data/base.ts'
import type { Status } from '../data/shapes.ts'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { isActive } from '../live/patch.ts'
import { useLiveTask, type LiveTasks } from '../live/tasks.ts'
import { Elapsed } from '../time/Elapsed.tsx'
import { Time } from '../time/Time.tsx'
import { durationWords } from '../time/words.ts'
import { StateCell } from './StateCell.tsx'
import styles from './TaskRow.module.css'

type Props = Readonly<{
  id: string
  index: number
  tasks: LiveTasks
  /** Statuses of the filter. A task that no longer matches stays visible, but dimmed. */
  statuses: readonly Status[]
  top: number
  height: number
  isChosen: boolean
  isCursor: boolean
  onChoose: (index: number, isRange: boolean) => void
}>

export const TaskRow = memo(function TaskRow(props: Props) {
  const { id, index, tasks, statuses, top, height, isChosen, isCursor, onChoose } = props
  const task = useLiveTask(tasks, id)
  const [, navigate] = useLocation()
  const hasLeft = task !== undefined && statuses.length > 0 && !statuses.includes(task.status)
  return (
    <div
      id={`row-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      className={styles.row}
      data-cursor={isCursor}
      data-left={hasLeft}
      title={hasLeft ? 'No longer matches the filters' : undefined}
      style={{ height, transform: `translateY(${top}px)` }}
      onClick={(event) => {
        if (!(event.target instanceof Element) || event.target.closest('a, input, label') !== null) return
        if (event.metaKey || event.ctrlKey) window.open(`${base}/tasks/${id}`)
        else navigate(`/tasks/${id}`)
      }}
    >
      <span role="gridcell" className={styles.check}>
        <Checkbox
          size="xs"
          tabIndex={-1}
          aria-label={`Select task ${id}`}
          checked={isChosen}
          onChange={() => {}}
          onClick={(event) => onChoose(index, event.shiftKey)}
        />
      </span>
      {task === undefined ? (
        <span role="gridcell" className={styles.status} aria-busy="true" />
      ) : (
        <>
          <span role="gridcell" className={styles.status}>
            <StatusBadge status={task.status} />
          </span>
          <span role="gridcell" className={styles.type} title={[task.task_type, ...task.tags].join(', ')}>
            <span className={styles.name}>{task.task_type}</span>
            <span className={styles.tags}>
              {task.tags.map((tag) => (
                <span key={tag} className={styles.tag}>
                  {tag}
                </span>
              ))}
            </span>
          </span>
          <span role="gridcell" className={styles.state}>
            <StateCell task={task} />
          </span>
          <span role="gridcell" className={styles.parameters}>
            <code>{preview(task.parameters)}</code>
          </span>
          <span role="gridcell" className={styles.time}>
            {isActive(task.status) ? (
              <Elapsed seconds={task.execution_time} asOf={task.seen_at} />
            ) : task.started_at === null ? (
              '–'
            ) : (
              durationWords(task.execution_time)
            )}
          </span>
          <span role="gridcell" className={styles.created}>
            <Time at={task.created_at} />
          </span>
          <span role="gridcell" className={styles.id}>
            <TaskLink id={id} />
          </span>
        </>
      )}
    </div>
  )
})

/** The beginning of the parameters, as much as fits in a row. */
function preview(parameters: unknown): string {
  // Null: too large for a list.
  const text = parameters === null ? '…' : JSON.stringify(parameters)
  return text === '{}' ? '' : text.slice(0, 120)
}
