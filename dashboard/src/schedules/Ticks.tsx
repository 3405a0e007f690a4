import { Button, Skeleton } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { StatusBadge } from '../kit/StatusBadge.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { zonedWords } from '../time/words.ts'
import styles from './Schedules.module.css'
import { skipNames, zoneOf } from './words.ts'

/** What became of each tick, newest first. */
export function Ticks({ of: schedule }: Readonly<{ of: ScheduleDetails }>) {
  const list = useInfiniteQuery(reads.ticks(schedule.id))
  const ticks = list.data?.pages.flatMap((page) => page.ticks) ?? []
  return (
    <Card title="Ticks" flush>
      {list.data === undefined ? (
        list.error === null ? (
          <Skeleton height={120} />
        ) : (
          <ErrorState error={list.error} retry={() => void list.refetch()} />
        )
      ) : ticks.length === 0 ? (
        <p className={styles.empty}>No ticks yet</p>
      ) : (
        <ol className={styles.history} aria-label="Ticks">
          {ticks.map(({ tick_at: at, task_id: id, status, skipped }) => (
            <li key={`${at} ${id}`}>
              <span>{zonedWords(at, zoneOf(schedule))}</span>
              {id !== null && <TaskLink id={id} />}
              {status !== null ? (
                <StatusBadge status={status} />
              ) : (
                <span className={styles.facts}>
                  {skipped !== null ? skipNames[skipped] : id === null ? 'waits' : 'deleted'}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
      {list.hasNextPage && (
        <div className={styles.more}>
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            Show older ticks
          </Button>
        </div>
      )}
    </Card>
  )
}
