import { useQuery } from '@tanstack/react-query'
import type { TaskDetails } from '../data/shapes.ts'
import { reads } from '../data/reads.ts'
import { statusName } from '../data/statuses.ts'
import { Card } from '../kit/Card.tsx'
import { errorWords } from '../kit/errors.ts'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { statusColour } from '../theme/statuses.ts'
import { useClock } from '../time/ticks.ts'
import { durationWords, exactWords } from '../time/words.ts'
import { Axis } from './Axis.tsx'
import styles from './Waterfall.module.css'
import { waterfallOf, type Bar } from './waterfall.ts'

/** What the task did and waited for, on one time axis: its first steps, sleeps, waits for answers and children. */
export function Waterfall({ task }: Readonly<{ task: TaskDetails }>) {
  const isLive = !isTerminal(task.status)
  const steps = useQuery(reads.steps(task.task_id, isLive)).data
  const waits = useQuery(reads.taskWaits(task.task_id, isLive)).data
  const family = useQuery(reads.family(task.task_id, isLive)).data
  const now = useClock((present) => present)
  const life = {
    timeline: task.timeline,
    steps: steps?.steps ?? [],
    waits: waits?.waits ?? [],
    children: family?.children.tasks ?? [],
  }
  const { bars, from, to } = waterfallOf(life, now)
  if (bars.length === 0) return null
  const isCut = [steps?.next_cursor, waits?.next_cursor, family?.children.next_cursor].some(
    (next) => typeof next === 'string',
  )
  return (
    <Card title={say.task.waterfall} flush>
      <ol className={styles.bars}>
        {bars.map((bar) => (
          <Row key={keyOf(bar)} of={bar} from={from} length={to - from} />
        ))}
      </ol>
      <div className={styles.foot}>
        <Axis length={to - from} />
      </div>
      {isCut && <p className={styles.more}>{say.task.firstOfEachAreShown}</p>}
    </Card>
  )
}

type RowProps = Readonly<{ of: Bar; from: number; length: number }>

function Row({ of: bar, from, length }: RowProps) {
  const duration = durationWords(bar.to - bar.from)
  return (
    <li className={styles.row}>
      <span className={styles.name}>
        <span className={styles.kind}>{say.task.kinds[bar.kind]}</span> <Name of={bar} />
      </span>
      <span className={styles.lane}>
        <span
          className={styles.bar}
          data-open={bar.isOpen}
          style={{
            // What ends with the axis stays visible, however short it is.
            left: `min(${((bar.from - from) / length) * 100}%, 100% - 4px)`,
            width: `${((bar.to - bar.from) / length) * 100}%`,
            background: statusColour(bar.status),
          }}
          title={say.task.forFrom(stateOf(bar), duration, exactWords(bar.from))}
        />
      </span>
      <span className={styles.soft}>{duration}</span>
      {bar.kind === 'step' && (
        <span className={bar.step.error === null ? styles.result : styles.error}>
          {bar.step.error === null ? JSON.stringify(bar.step.result) : errorWords(bar.step.error)}
        </span>
      )}
    </li>
  )
}

function Name({ of: bar }: Readonly<{ of: Bar }>) {
  if (bar.kind === 'sleep') return null
  const { name, occurrence } = bar.kind === 'step' ? bar.step : bar.kind === 'wait' ? bar.wait : bar.child
  return (
    <>
      <span title={name}>{name}</span>
      {occurrence > 1 && <span className={styles.soft}>{` (${occurrence})`}</span>}
      {bar.kind === 'child' && (
        <>
          {' '}
          <TaskLink id={bar.child.task_id} />
        </>
      )}
    </>
  )
}

/** How it went, in words. */
function stateOf(bar: Bar): string {
  return bar.kind === 'wait' ? say.waits.states[bar.wait.status] : statusName(bar.status)
}

function keyOf(bar: Bar): string {
  if (bar.kind === 'sleep') return `${bar.kind} ${bar.from}`
  if (bar.kind === 'child') return bar.child.task_id
  const { name, occurrence } = bar.kind === 'step' ? bar.step : bar.wait
  return `${bar.kind} ${occurrence} ${name}`
}
