import { useSyncExternalStore } from 'react'
import { Link } from 'wouter'
import type { Run } from '../data/shapes.ts'
import { Table } from '../kit/Table.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { say } from '../language/say.ts'
import { useClock } from '../time/ticks.ts'
import { exactCount } from '../time/words.ts'
import type { RunModel } from './model.ts'
import styles from './RunsTable.module.css'
import { endOf, startOf, statusOf } from './spans.ts'
import { viewOf, type Range } from './useRuns.ts'
import { runWords } from './words.ts'

type Props = Readonly<{ model: RunModel; range: Range; onOpen: (id: string) => void }>

/** Runs that are listed one by one. */
const listed = 50

/** The runs as text: how many of each type and status, and the latest ones. */
export function RunsTable({ model, range, onOpen }: Props) {
  useSyncExternalStore(model.subscribe, model.version)
  const present = useClock((now) => Math.floor(now))
  const view = viewOf(range, present)
  const runs = Array.from(model.runs)
    .filter((run) => startOf(run) <= view.to && endOf(run, present) >= view.from)
    .toSorted((a, b) => startOf(b) - startOf(a))
  const types = Map.groupBy(runs, ({ task_type: type }) => type)
  if (runs.length === 0) return <p className={styles.none}>{say.runs.noRunsInThisTime}</p>
  return (
    <>
      <Table
        label={say.runs.runsByType}
        head={[
          say.common.type,
          say.runs.runs,
          say.common.waiting,
          say.common.running,
          say.common.paused,
          say.common.completed,
          say.common.failed,
          say.common.cancelled,
        ]}
      >
        {Array.from(types)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([type, of]) => (
            <tr key={type}>
              <td>
                <Link href={`/types/${encodeURIComponent(type)}`}>{type}</Link>
              </td>
              <td>{exactCount(of.length)}</td>
              {groups.map((statuses) => (
                <td key={statuses[0]}>
                  {exactCount(of.filter((run) => statuses.includes(statusOf(run))).length)}
                </td>
              ))}
            </tr>
          ))}
      </Table>
      <Table
        label={say.runs.latestRuns}
        head={[say.common.task, say.common.type, say.common.status, say.runs.times]}
      >
        {runs.slice(0, listed).map((run) => (
          <Row key={run.task_id} of={run} present={present} onOpen={onOpen} />
        ))}
      </Table>
    </>
  )
}

const groups: readonly (readonly string[])[] = [
  ['waiting', 'scheduled', 'queued'],
  ['running', 'pausing', 'cancelling'],
  ['paused'],
  ['completed'],
  ['failed'],
  ['cancelled'],
]

type RowProps = Readonly<{ of: Run; present: number; onOpen: (id: string) => void }>

function Row({ of: run, present, onOpen }: RowProps) {
  const { task_id: id, task_type: type } = run
  return (
    <tr>
      <td>
        <button type="button" className={styles.open} onClick={() => onOpen(id)}>
          …{id.slice(-8)}
        </button>
      </td>
      <td>{type}</td>
      <td>
        <StatusBadge status={statusOf(run)} />
      </td>
      <td>{runWords(run, present)}</td>
    </tr>
  )
}
