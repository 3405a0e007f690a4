import { useInfiniteQuery } from '@tanstack/react-query'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { PagedList } from '../kit/PagedList.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { zonedWords } from '../time/words.ts'
import styles from './Schedules.module.css'
import { skipNames, zoneOf } from './words.ts'

/** What became of each tick, newest first. */
export function Ticks({ of: schedule }: Readonly<{ of: ScheduleDetails }>) {
  const list = useInfiniteQuery(reads.ticks(schedule.id))
  return (
    <PagedList
      of={list}
      itemsOf={({ ticks }) => ticks}
      title={say.schedules.ticks}
      more={say.schedules.showOlderTicks}
      empty={<p className={styles.empty}>{say.schedules.noTicksYet}</p>}
    >
      {(ticks) => (
        <ol className={styles.history} aria-label={say.schedules.ticks}>
          {ticks.map(({ tick_at: at, task_id: id, status, skipped }) => (
            <li key={`${at} ${id}`}>
              <span>{zonedWords(at, zoneOf(schedule))}</span>
              {id !== null && <TaskLink id={id} />}
              {status !== null ? (
                <StatusBadge status={status} />
              ) : (
                <span className={styles.facts}>
                  {skipped !== null
                    ? skipNames[skipped]
                    : id === null
                      ? say.schedules.waits
                      : say.schedules.deleted}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
    </PagedList>
  )
}
