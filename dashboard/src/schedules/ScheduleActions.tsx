import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { client } from '../data/client.ts'
import { ActionButton, actionLook, Actions, DeleteButton } from '../kit/Entries.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { BackfillDialog } from './BackfillDialog.tsx'
import styles from './Schedules.module.css'

/** What callers who may control tasks can do to a schedule. */
export function ScheduleActions({ of: schedule }: Readonly<{ of: ScheduleDetails }>) {
  return useCan('control') ? <All of={schedule} /> : null
}

function All({ of: { id, paused } }: Readonly<{ of: ScheduleDetails }>) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [isBackfilling, setBackfilling] = useState(false)
  const onSettled = () => queries.invalidateQueries({ queryKey: ['schedules'] })
  const pause = useMutation({
    mutationFn: () => (paused ? client.resumeSchedule(id) : client.pauseSchedule(id)),
    onSettled,
  })
  const run = useMutation({ mutationFn: () => client.runSchedule(id), onSettled })
  const remove = useMutation({
    mutationFn: () => client.deleteSchedule(id),
    onSuccess: () => navigate('/schedules'),
    onSettled,
  })
  const submitted = run.data !== undefined && (
    <div className={styles.facts} role="status">
      Submitted <TaskLink id={run.data.task_id} />
    </div>
  )
  return (
    <Actions className={styles.actions} error={pause.error ?? run.error ?? remove.error} below={submitted}>
      <ActionButton
        isBusy={pause.isPending}
        label={`${paused ? 'Resume' : 'Pause'} ${id}`}
        title={paused ? 'It ticks again from now on' : 'It starts nothing until it is resumed'}
        onClick={() => pause.mutate()}
      >
        {paused ? 'Resume' : 'Pause'}
      </ActionButton>
      <ActionButton
        isBusy={run.isPending}
        label={`Run now: ${id}`}
        title="Submits one task now, whatever else runs"
        onClick={() => run.mutate()}
      >
        Run now
      </ActionButton>
      <ActionButton
        label={`Backfill ${id}`}
        title="Runs the ticks of a past range that have no task yet"
        onClick={() => setBackfilling(true)}
      >
        Backfill
      </ActionButton>
      <LinkButton {...actionLook} to={`/schedules/${encodeURIComponent(id)}?edit`} aria-label={`Edit ${id}`}>
        Edit
      </LinkButton>
      <DeleteButton
        what="schedule"
        label={`Delete ${id}`}
        effect={`Deletes ${id} and its ticks, including those that wait. Its tasks remain.`}
        isBusy={remove.isPending}
        onDelete={() => remove.mutate()}
      />
      <BackfillDialog id={id} isOpen={isBackfilling} onClose={() => setBackfilling(false)} />
    </Actions>
  )
}
