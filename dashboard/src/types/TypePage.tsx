import { useQuery } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import type { Status } from '../data/shapes.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { Table } from '../kit/Table.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { countWords, durationWords, exactCount } from '../time/words.ts'
import { barsOf, figuresOf, type Bar, type Figures, type Percentiles } from './figures.ts'
import { TypeCard } from './TypeCard.tsx'
import styles from './TypesPage.module.css'
import { shareWords } from './words.ts'

/** Tasks among which the slowest are found: the latest that have ended. */
const most = 1_000
const slowest = 10

/** A type: what it is and does, and how its tasks went. */
export function TypePage({ name }: Readonly<{ name: string }>) {
  const types = useQuery({ ...reads.types(), refetchInterval: 5_000 })
  const stats = useQuery(reads.stats())
  const type = types.data?.task_details[name]
  return (
    <Page title={name}>
      <Loaded of={types} height={180}>
        {() => (
          <div className={styles.stack}>
            {type === undefined ? (
              <EmptyState icon="shapes" title={say.types.noTypeHasThisName}>
                <p>{say.types.noNodeHasIt}</p>
                <LinkButton to="/types" variant="default">
                  {say.types.showAllTypes}
                </LinkButton>
              </EmptyState>
            ) : (
              <TypeCard type={type} figures={stats.data?.types[name]} />
            )}
            <Ended type={name} />
          </div>
        )}
      </Loaded>
    </Page>
  )
}

type Task = Readonly<{ id: string; status: Status; run: number; queue: number; endedAt: number }>

function Ended({ type }: Readonly<{ type: string }>) {
  const tasks = useQuery({
    queryKey: ['ended', type],
    queryFn: async ({ signal }) => {
      const { tasks } = await client.listTasks(
        {
          type,
          status: ['completed', 'failed', 'cancelled'],
          limit: most,
          fields: ['task_id', 'status', 'execution_time', 'queue_time', 'completed_at'],
        },
        { signal },
      )
      return tasks.map((task): Task => ({
        id: task.task_id,
        status: task.status,
        run: task.execution_time,
        queue: task.queue_time,
        endedAt: task.completed_at ?? 0,
      }))
    },
    refetchInterval: 10_000,
  })
  const histories = useQuery({
    queryKey: ['figures of', type],
    queryFn: async ({ signal }) => {
      const [hour, day] = await Promise.all([
        client.getHistory({ span: '1h', type, signal }),
        client.getHistory({ span: '24h', type, signal }),
      ])
      return { hour: figuresOf(hour), day: figuresOf(day), run: day.times?.run.buckets ?? [] }
    },
    refetchInterval: 10_000,
  })
  return (
    <>
      <Loaded of={histories}>
        {(figures) =>
          figures.day.ended === 0 && (tasks.data?.length ?? 0) === 0 ? (
            <Nothing />
          ) : (
            <FiguresOfDay of={figures} />
          )
        }
      </Loaded>
      <Loaded of={tasks}>{(tasks) => <Slowest tasks={tasks} />}</Loaded>
    </>
  )
}

function Nothing() {
  return (
    <Card>
      <EmptyState icon="gauge" title={say.types.noneHasEnded}>
        <p>{say.types.figuresAppearHere}</p>
      </EmptyState>
    </Card>
  )
}

type Shown = Readonly<{ hour: Figures; day: Figures; run: Parameters<typeof barsOf>[0] }>

/** How the tasks of a day went, on all nodes. */
function FiguresOfDay({ of: { hour, day, run } }: Readonly<{ of: Shown }>) {
  const times = (of: Percentiles | null) =>
    of === null
      ? (['–', '–', '–'] as const)
      : ([of.p50, of.p95, of.p99].map(durationWords) as readonly string[])
  return (
    <>
      <Card title={say.types.lastDay} flush>
        <div className={styles.figures}>
          <Table label={say.types.times} head={['', 'p50', 'p95', 'p99']}>
            <tr>
              <td>{say.common.runTime}</td>
              {times(day.run).map((text, index) => (
                <td key={index}>{text}</td>
              ))}
            </tr>
            <tr>
              <td>{say.common.queueTime}</td>
              {times(day.queue).map((text, index) => (
                <td key={index}>{text}</td>
              ))}
            </tr>
          </Table>
        </div>
        <p className={styles.sum}>
          {say.types.runsAnHour(countWords(hour.perHour), shareWords(day.failureRate))}{' '}
          {say.types.fromAll(day.ended)} {say.types.runTimesAreOfCompleted}
        </p>
      </Card>
      <Card title={say.types.runTimeOfCompletedTasks}>
        <Histogram of={barsOf(run)} />
      </Card>
    </>
  )
}

/** Of the latest tasks that still exist. */
function Slowest({ tasks }: Readonly<{ tasks: readonly Task[] }>) {
  const ran = tasks.filter((task) => task.run > 0)
  if (ran.length === 0) return null
  return (
    <Card title={say.types.slowestTasks} flush>
      <div className={styles.figures}>
        <Table
          label={say.types.slowestTasks}
          head={[
            say.common.task,
            say.common.status,
            say.common.runTime,
            say.common.queueTime,
            say.common.ended,
          ]}
        >
          {ran
            .toSorted((a, b) => b.run - a.run)
            .slice(0, slowest)
            .map(({ id, status, run: seconds, queue: queued, endedAt }) => (
              <tr key={id}>
                <td>
                  <TaskLink id={id} />
                </td>
                <td>
                  <StatusBadge status={status} />
                </td>
                <td>{durationWords(seconds)}</td>
                <td>{durationWords(queued)}</td>
                <td>
                  <Time at={endedAt} />
                </td>
              </tr>
            ))}
        </Table>
      </div>
      <p className={styles.sum}>{say.types.fromLatest(most)}</p>
    </Card>
  )
}

function Histogram({ of: bars }: Readonly<{ of: readonly Bar[] }>) {
  const largest = Math.max(1, ...bars.map(({ count }) => count))
  if (bars.length === 0) return <p className={styles.none}>{say.types.noTaskHasCompletedYet}</p>
  return (
    <ol className={styles.histogram} aria-label={say.types.tasksByRunTime}>
      {bars.map((bar) => (
        <li key={bar.from}>
          <span className={styles.range}>{rangeWords(bar)}</span>
          <span className={styles.bar} style={{ width: `${(bar.count / largest) * 100}%` }} />
          <span>{exactCount(bar.count)}</span>
        </li>
      ))}
    </ol>
  )
}

function rangeWords({ from, to }: Bar): string {
  if (from === 0) return say.types.under(durationWords(to))
  return to === Number.POSITIVE_INFINITY
    ? say.types.over(durationWords(from))
    : `${durationWords(from)} – ${durationWords(to)}`
}
