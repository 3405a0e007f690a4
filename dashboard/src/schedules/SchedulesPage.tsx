import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useLocation, useSearchParams } from 'wouter'
import { useCan } from '../access/me.ts'
import { reads } from '../data/reads.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Entries } from '../kit/Entries.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { NoTypes } from '../kit/NoTypes.tsx'
import { Page } from '../kit/Page.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { say } from '../language/say.ts'
import { lazyPart } from '../loading/lazy-part.ts'
import { ScheduleFacts } from './ScheduleFacts.tsx'
import { ScheduleForm } from './ScheduleForm.tsx'

const WeekPage = lazyPart(() => import('./WeekPage.tsx').then((room) => room.WeekPage))

/** All schedules; with `?new`, the form for another; with `?week`, their ticks in a week. */
export function SchedulesPage() {
  const [search] = useSearchParams()
  if (search.has('new')) return <NewSchedule />
  return search.has('week') ? <WeekPage /> : <Schedules />
}

function Schedules() {
  const list = useInfiniteQuery(reads.schedules())
  const canControl = useCan('control')
  const actions = (
    <>
      <LinkButton to="/schedules?week" variant="default">
        {say.common.week}
      </LinkButton>
      {canControl && <LinkButton to="/schedules?new">{say.schedules.newSchedule}</LinkButton>}
    </>
  )
  return (
    <Page title={say.common.schedules} actions={actions}>
      <PagedList
        of={list}
        itemsOf={({ schedules }) => schedules}
        more={say.schedules.showMoreSchedules}
        empty={
          <EmptyState icon="calendar" title={say.schedules.noSchedules}>
            <p>{canControl ? say.schedules.whatSchedulesAre : say.schedules.whatSchedulesAreForReaders}</p>
          </EmptyState>
        }
      >
        {(schedules) => (
          <Entries label={say.common.schedules} of={schedules} keyOf={({ id }) => id}>
            {(schedule) => <ScheduleFacts of={schedule} />}
          </Entries>
        )}
      </PagedList>
    </Page>
  )
}

function NewSchedule() {
  const [, navigate] = useLocation()
  const types = useQuery(reads.types())
  return (
    <Page title={say.schedules.newSchedule}>
      <Loaded of={types} height={320}>
        {({ available_tasks: names, task_details: details }) =>
          names.length === 0 ? (
            <NoTypes />
          ) : (
            <ScheduleForm
              types={details}
              onDone={(id) => navigate(`/schedules/${encodeURIComponent(id)}`)}
              onCancel={() => navigate('/schedules')}
            />
          )
        }
      </Loaded>
    </Page>
  )
}
