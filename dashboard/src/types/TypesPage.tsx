import { useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'wouter'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { Choice } from '../kit/Choice.tsx'
import { Icon } from '../kit/Icon.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { NoTypes } from '../kit/NoTypes.tsx'
import { Page } from '../kit/Page.tsx'
import { Table } from '../kit/Table.tsx'
import { say } from '../language/say.ts'
import { countWords, durationWords } from '../time/words.ts'
import { columns, sorted, sortOf, turned, type Column, type Sort, type TypeRow } from './order.ts'
import { HeldNote } from './HeldNote.tsx'
import { HoldButton } from './HoldButton.tsx'
import { placeWords, shareWords, typePath } from './words.ts'
import { StrangeTypes } from './StrangeTypes.tsx'
import styles from './TypesPage.module.css'
import { useFigures, type Time } from './useFigures.ts'

const choices = [
  { value: '1h', name: say.common.hour },
  { value: '24h', name: say.common.day },
] as const

/** The task types as a table: what waits and runs, how often, how long and how well. */
export function TypesPage() {
  const [search, setSearch] = useSearchParams()
  const time: Time = search.get('time') === '24h' ? '24h' : '1h'
  const sort = sortOf(search.get('sort'))
  const types = useQuery({ ...reads.types(), refetchInterval: 5_000 })
  const stats = useQuery(reads.stats())
  const figures = useFigures(types.data?.available_tasks ?? [], time)
  const strange = Object.entries(stats.data?.types ?? {}).filter(
    ([name]) => types.data !== undefined && !types.data.available_tasks.includes(name),
  )
  const change = (name: string, value: string) =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before)
        after.set(name, value)
        return after
      },
      { replace: true },
    )
  return (
    <Page title={say.common.types}>
      <Loaded of={types} height={180}>
        {({ task_details: details }) => {
          const rows = Object.values(details).map((type) => ({
            type,
            counts: stats.data?.types[type.type]?.counts ?? {},
            figures: figures.data?.get(type.type),
          }))
          if (rows.length === 0) return <NoTypes />
          return (
            <div className={styles.stack}>
              <Card
                title={say.common.typeCount(rows.length)}
                aside={
                  <Choice
                    label={say.types.endedWithinTheLast}
                    value={time}
                    choices={choices}
                    onChange={(value) => change('time', value)}
                  />
                }
                flush
              >
                <div className={styles.figures}>
                  <Table
                    label={say.common.types}
                    head={[
                      ...(Object.keys(columns) as Column[]).map((column) => (
                        <Heading
                          key={column}
                          of={column}
                          sort={sort}
                          onSort={(text) => change('sort', text)}
                        />
                      )),
                      say.common.actions,
                    ]}
                    sorted={Object.keys(columns).map((column) =>
                      column === sort.by ? (sort.isDescending ? 'descending' : 'ascending') : undefined,
                    )}
                  >
                    {sorted(rows, sort).map((row) => (
                      <Row key={row.type.type} of={row} />
                    ))}
                  </Table>
                </div>
              </Card>
              {figures.data !== undefined && (
                <p className={styles.note}>
                  {say.types.figuresCover} {say.types.runTimesAreOfCompleted}
                </p>
              )}
              {strange.length > 0 && <StrangeTypes types={strange} />}
            </div>
          )
        }}
      </Loaded>
    </Page>
  )
}

type HeadingProps = Readonly<{ of: Column; sort: Sort; onSort: (text: string) => void }>

function Heading({ of: column, sort, onSort }: HeadingProps) {
  const isSorted = sort.by === column
  return (
    <button type="button" className={styles.heading} onClick={() => onSort(turned(sort, column))}>
      {columns[column].title}
      {isSorted && <Icon name={sort.isDescending ? 'down' : 'up'} size={12} />}
    </button>
  )
}

function Row({ of: { type, counts, figures } }: Readonly<{ of: TypeRow }>) {
  const { type: name, held, runs } = type
  const link = (status: 'queued' | 'running') => (
    <Link href={`/tasks?type=${encodeURIComponent(name)}&status=${status}`}>
      {countWords(counts[status] ?? 0)}
    </Link>
  )
  const seconds = (value: number | undefined) => (value === undefined ? '–' : durationWords(value))
  return (
    <tr>
      <td className={styles.type}>
        <Link href={typePath(name)} className={styles.link}>
          {name}
        </Link>
        <div className={styles.place}>{placeWords(runs)}</div>
        <HeldNote of={type} />
      </td>
      <td>{link('queued')}</td>
      <td>{link('running')}</td>
      <td>{countWords(Math.round((figures?.perHour ?? 0) * 10) / 10)}</td>
      <td data-bad={(figures?.failureRate ?? 0) > 0}>{shareWords(figures?.failureRate ?? null)}</td>
      <td>{seconds(figures?.run?.p50)}</td>
      <td>{seconds(figures?.run?.p95)}</td>
      <td>{seconds(figures?.run?.p99)}</td>
      <td>{seconds(figures?.queue?.p50)}</td>
      <td>{seconds(figures?.queue?.p95)}</td>
      <td>{seconds(figures?.queue?.p99)}</td>
      <td>
        <HoldButton type={name} held={held} />
      </td>
    </tr>
  )
}
