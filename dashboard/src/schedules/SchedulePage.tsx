import { Alert } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useLocation, useSearchParams } from 'wouter'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { isFermataError } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Loaded } from '../kit/Loaded.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { zonedWords } from '../time/words.ts'
import { ScheduleFacts } from './ScheduleFacts.tsx'
import { ScheduleForm } from './ScheduleForm.tsx'
import styles from './Schedules.module.css'
import { Ticks } from './Ticks.tsx'
import { zoneOf } from './words.ts'

/** A schedule with its ticks; with `?edit`, the form for it. */
export function SchedulePage({ id }: Readonly<{ id: string }>) {
  const read = useQuery(reads.schedule(id))
  const [search] = useSearchParams()
  const canControl = useCan('control')
  const isEdited = search.has('edit') && canControl
  if (isFermataError(read.error, 'SCHEDULE_UNKNOWN')) {
    return (
      <Page title={say.common.schedule}>
        <EmptyState icon="calendar" title={say.schedules.noScheduleHasThisId}>
          <p>{say.schedules.mayHaveBeenDeleted}</p>
          <LinkButton to="/schedules" variant="default">
            {say.schedules.showAllSchedules}
          </LinkButton>
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title={isEdited ? say.schedules.editOne(id) : id}>
      <Loaded of={read}>
        {(schedule) => (isEdited ? <Edit schedule={schedule} /> : <Overview schedule={schedule} />)}
      </Loaded>
    </Page>
  )
}

function Overview({ schedule }: Readonly<{ schedule: ScheduleDetails }>) {
  return (
    <div className={styles.columns}>
      <div className={styles.stack}>
        <Card flush>
          <ScheduleFacts of={schedule} isAlone />
        </Card>
        <Ticks of={schedule} />
      </div>
      <Card title={say.schedules.nextTicks}>
        {schedule.next_ticks.length === 0 ? (
          <p className={styles.none}>
            {schedule.paused ? say.schedules.noneWhilePaused : say.schedules.noTickIsLeft}
          </p>
        ) : (
          <ol className={styles.ticks}>
            {schedule.next_ticks.map((tick) => (
              <li key={tick}>{zonedWords(tick, zoneOf(schedule))}</li>
            ))}
          </ol>
        )}
      </Card>
    </div>
  )
}

function Edit({ schedule }: Readonly<{ schedule: ScheduleDetails }>) {
  const types = useQuery(reads.types())
  const [, navigate] = useLocation()
  const back = () => navigate(`/schedules/${encodeURIComponent(schedule.id)}`)
  return (
    <div className={styles.stack}>
      {schedule.origin === 'code' && <Alert color="yellow">{say.schedules.definedInCode}</Alert>}
      <Loaded of={types} height={320}>
        {({ task_details: details }) => (
          <ScheduleForm types={details} schedule={schedule} onDone={back} onCancel={back} />
        )}
      </Loaded>
    </div>
  )
}
