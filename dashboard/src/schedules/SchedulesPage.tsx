import { Button, Skeleton } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useLocation, useSearchParams } from 'wouter'
import { useCan } from '../access/me.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { ScheduleFacts } from './ScheduleFacts.tsx'
import { ScheduleForm } from './ScheduleForm.tsx'
import styles from './Schedules.module.css'

/** All schedules; with `?new`, the form for another. */
export function SchedulesPage() {
  const [search] = useSearchParams()
  return search.has('new') ? <NewSchedule /> : <Schedules />
}

function Schedules() {
  const list = useInfiniteQuery(reads.schedules())
  const canControl = useCan('control')
  const schedules = list.data?.pages.flatMap((page) => page.schedules) ?? []
  const create = canControl ? <LinkButton to="/schedules?new">New schedule</LinkButton> : undefined
  return (
    <Page title="Schedules" actions={create}>
      {list.data === undefined && list.error !== null ? (
        <ErrorState error={list.error} retry={() => void list.refetch()} />
      ) : list.data === undefined ? (
        <Skeleton height={240} radius="md" />
      ) : (
        <Card flush>
          {schedules.length === 0 ? (
            <EmptyState icon="calendar" title="No schedules">
              <p>
                {canControl
                  ? 'A schedule submits a task at times that you choose. Create one, or define it in code with defineSchedule.'
                  : 'A schedule submits a task at chosen times. Your key can see schedules, but not create them.'}
              </p>
            </EmptyState>
          ) : (
            <ul className={styles.list} aria-label="Schedules">
              {schedules.map((schedule) => (
                <li key={schedule.id}>
                  <ScheduleFacts of={schedule} />
                </li>
              ))}
            </ul>
          )}
          {list.hasNextPage && (
            <div className={styles.more}>
              <Button
                variant="default"
                loading={list.isFetchingNextPage}
                onClick={() => void list.fetchNextPage()}
              >
                Show more schedules
              </Button>
            </div>
          )}
        </Card>
      )}
    </Page>
  )
}

function NewSchedule() {
  const [, navigate] = useLocation()
  const types = useQuery(reads.types())
  return (
    <Page title="New schedule">
      {types.data === undefined ? (
        types.error === null ? (
          <Skeleton height={320} radius="md" />
        ) : (
          <ErrorState error={types.error} retry={() => void types.refetch()} />
        )
      ) : types.data.available_tasks.length === 0 ? (
        <EmptyState icon="shapes" title="No task types">
          <p>Start the server with your types: fermata serve --tasks FOLDER</p>
        </EmptyState>
      ) : (
        <ScheduleForm
          types={types.data.task_details}
          onDone={(id) => navigate(`/schedules/${encodeURIComponent(id)}`)}
          onCancel={() => navigate('/schedules')}
        />
      )}
    </Page>
  )
}
