import { Button, Group, Popover } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import type { ScheduleDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { client } from '../data/client.ts'
import { LinkButton } from '../kit/LinkButton.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { BackfillDialog } from './BackfillDialog.tsx'
import styles from './Schedules.module.css'

/** What callers who may control tasks can do to a schedule. */
export function ScheduleActions({ of: schedule }: Readonly<{ of: ScheduleDetails }>) {
  return useCan('control') ? <Actions of={schedule} /> : null
}

function Actions({ of: { id, paused } }: Readonly<{ of: ScheduleDetails }>) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [open, setOpen] = useState<'delete' | 'backfill' | null>(null)
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
  const failure = pause.error ?? run.error ?? remove.error
  return (
    <div className={styles.actions}>
      <div className={styles.buttons}>
        <Button
          size="xs"
          variant="default"
          loading={pause.isPending}
          aria-label={`${paused ? 'Resume' : 'Pause'} ${id}`}
          title={paused ? 'It ticks again from now on' : 'It starts nothing until it is resumed'}
          onClick={() => pause.mutate()}
        >
          {paused ? 'Resume' : 'Pause'}
        </Button>
        <Button
          size="xs"
          variant="default"
          loading={run.isPending}
          aria-label={`Run now: ${id}`}
          title="Submits one task now, whatever else runs"
          onClick={() => run.mutate()}
        >
          Run now
        </Button>
        <Button
          size="xs"
          variant="default"
          aria-label={`Backfill ${id}`}
          title="Runs the ticks of a past range that have no task yet"
          onClick={() => setOpen('backfill')}
        >
          Backfill
        </Button>
        <LinkButton
          size="xs"
          variant="default"
          to={`/schedules/${encodeURIComponent(id)}?edit`}
          aria-label={`Edit ${id}`}
        >
          Edit
        </LinkButton>
        <Popover
          opened={open === 'delete'}
          onChange={(isOpen) => setOpen(isOpen ? 'delete' : null)}
          width={300}
          position="bottom-end"
          shadow="md"
          trapFocus
          returnFocus
        >
          <Popover.Target>
            <Button
              size="xs"
              variant="default"
              loading={remove.isPending}
              aria-label={`Delete ${id}`}
              onClick={() => setOpen('delete')}
            >
              Delete
            </Button>
          </Popover.Target>
          <Popover.Dropdown aria-label="Delete this schedule?">
            <p className={styles.question}>
              Deletes {id} and its ticks, including those that wait. Its tasks remain.
            </p>
            <Group justify="flex-end" gap="xs">
              <Button size="xs" variant="default" onClick={() => setOpen(null)}>
                Keep schedule
              </Button>
              <Button
                size="xs"
                color="red"
                data-autofocus
                onClick={() => {
                  setOpen(null)
                  remove.mutate()
                }}
              >
                Delete schedule
              </Button>
            </Group>
          </Popover.Dropdown>
        </Popover>
      </div>
      {run.data !== undefined && (
        <div className={styles.facts} role="status">
          Submitted <TaskLink id={run.data.task_id} />
        </div>
      )}
      {failure !== null && <div role="alert">{failure.message}</div>}
      <BackfillDialog id={id} isOpen={open === 'backfill'} onClose={() => setOpen(null)} />
    </div>
  )
}
