import { Checkbox } from '@mantine/core'
import { memo, type CSSProperties, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import { base } from '../data/base.ts'
import type { Status } from '../data/shapes.ts'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { isActive, type LiveTask } from '../live/patch.ts'
import { useLiveTask, type LiveTasks } from '../live/tasks.ts'
import { Elapsed } from '../time/Elapsed.tsx'
import { Time } from '../time/Time.tsx'
import { durationWords, exactCount } from '../time/words.ts'
import { columns, usualColumns, type Column } from './columns.ts'
import { StateCell } from './StateCell.tsx'
import styles from './TaskRow.module.css'

type Props = Readonly<{
  id: string
  index: number
  tasks: LiveTasks
  /** Statuses of the filter. A task that no longer matches stays visible, but dimmed. */
  statuses: readonly Status[]
  /** Null: as many of the usual ones as fit. */
  shown: readonly Column[] | null
  top: number
  height: number
  isChosen: boolean
  isCursor: boolean
  onChoose: (index: number, isRange: boolean) => void
}>

export const TaskRow = memo(function TaskRow(props: Props) {
  const { id, index, tasks, statuses, shown, top, height, isChosen, isCursor, onChoose } = props
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
      data-chosen={shown !== null}
      title={hasLeft ? say.tasks.noLongerMatchesTheFilters : undefined}
      style={{ height, transform: `translateY(${top}px)`, ...widthsOf(shown) }}
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
          aria-label={say.tasks.selectTask(id)}
          checked={isChosen}
          onChange={() => {}}
          onClick={(event) => onChoose(index, event.shiftKey)}
        />
      </span>
      {task === undefined ? (
        <span role="gridcell" className={styles.status} aria-busy="true" />
      ) : (
        (shown ?? usualColumns).map((column) => {
          const { place, show } = cells[column]
          const title = column === 'type' ? [task.task_type, ...task.tags].join(', ') : undefined
          return (
            <span key={column} role="gridcell" className={styles[place]} title={title}>
              {show(task)}
            </span>
          )
        })
      )}
    </div>
  )
})

/** The widths of chosen columns, for rows and head. */
export function widthsOf(shown: readonly Column[] | null): CSSProperties {
  if (shown === null) return {}
  return { '--columns': shown.map((column) => columns[column].width).join(' ') } as CSSProperties
}

type Cell = Readonly<{
  /** Its class: where it is while the reader has not chosen columns. */
  place: string
  show: (task: LiveTask) => ReactNode
}>

export const cells: Readonly<Record<Column, Cell>> = {
  status: { place: 'status', show: ({ status }) => <StatusBadge status={status} /> },
  type: {
    place: 'type',
    show: ({ task_type: type, tags }) => (
      <>
        <span className={styles.name}>{type}</span>
        <span className={styles.tags}>
          {tags.map((tag) => (
            <span key={tag} className={styles.tag}>
              {tag}
            </span>
          ))}
        </span>
      </>
    ),
  },
  progress: { place: 'state', show: (task) => <StateCell task={task} /> },
  parameters: { place: 'parameters', show: ({ parameters }) => <code>{preview(parameters)}</code> },
  caller: { place: 'other', show: ({ created_by: caller }) => <span title={caller}>{caller}</span> },
  priority: { place: 'number', show: ({ priority }) => priority },
  attempt: {
    place: 'number',
    show: ({ attempt, max_attempts: most }) =>
      attempt === 0 ? '–' : say.common.of(exactCount(attempt), exactCount(most)),
  },
  queued: {
    place: 'number',
    show: ({ status, queue_time: seconds, seen_at: asOf }) =>
      status === 'queued' ? <Elapsed seconds={seconds} asOf={asOf} /> : durationWords(seconds),
  },
  duration: {
    place: 'time',
    show: ({ status, started_at: started, execution_time: seconds, seen_at: asOf }) =>
      isActive(status) ? (
        <Elapsed seconds={seconds} asOf={asOf} />
      ) : started === null ? (
        '–'
      ) : (
        durationWords(seconds)
      ),
  },
  submitted: { place: 'created', show: ({ created_at: at }) => <Time at={at} /> },
  started: { place: 'number', show: ({ started_at: at }) => timeOf(at) },
  ended: { place: 'ended', show: ({ completed_at: at }) => timeOf(at) },
  id: { place: 'id', show: ({ task_id: id }) => <TaskLink id={id} /> },
}

function timeOf(at: number | null): ReactNode {
  return at === null ? '–' : <Time at={at} />
}

/** The beginning of the parameters, as much as fits in a row. */
function preview(parameters: unknown): string {
  // Null: too large for a list.
  const text = parameters === null ? '…' : JSON.stringify(parameters)
  return text === '{}' ? '' : text.slice(0, 120)
}
