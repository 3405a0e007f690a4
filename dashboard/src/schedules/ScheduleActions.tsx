import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { client } from '../data/client.ts'
import { ActionButton, actionLook, Actions, DeleteButton } from '../kit/Entries.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
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
      {say.common.submitted} <TaskLink id={run.data.task_id} />
    </div>
  )
  return (
    <Actions className={styles.actions} error={pause.error ?? run.error ?? remove.error} below={submitted}>
      <ActionButton
        isBusy={pause.isPending}
        label={paused ? say.schedules.resumeOne(id) : say.schedules.pauseOne(id)}
        title={paused ? say.schedules.resumeHint : say.schedules.pauseHint}
        onClick={() => pause.mutate()}
      >
        {paused ? say.common.resume : say.common.pause}
      </ActionButton>
      <ActionButton
        isBusy={run.isPending}
        label={say.schedules.runNowOne(id)}
        title={say.schedules.runNowHint}
        onClick={() => run.mutate()}
      >
        {say.schedules.runNow}
      </ActionButton>
      <ActionButton
        label={say.schedules.backfillOne(id)}
        title={say.schedules.backfillHint}
        onClick={() => setBackfilling(true)}
      >
        {say.schedules.backfill}
      </ActionButton>
      <LinkButton
        {...actionLook}
        to={`/schedules/${encodeURIComponent(id)}?edit`}
        aria-label={say.schedules.editOne(id)}
      >
        {say.schedules.edit}
      </LinkButton>
      <DeleteButton
        what={say.schedules.scheduleToDelete}
        label={say.common.deleteOne(id)}
        effect={say.schedules.deletes(id)}
        isBusy={remove.isPending}
        onDelete={() => remove.mutate()}
      />
      <BackfillDialog id={id} isOpen={isBackfilling} onClose={() => setBackfilling(false)} />
    </Actions>
  )
}
