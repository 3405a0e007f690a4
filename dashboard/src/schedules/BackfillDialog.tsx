import { Alert, Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { BackfillRange } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Dialog } from '../kit/Dialog.tsx'
import { timeOfInput } from '../time/input.ts'
import { exactCount } from '../time/words.ts'
import { overlapNames, selectable } from './words.ts'

type Props = Readonly<{ id: string; isOpen: boolean; onClose: () => void }>

/** Runs the ticks of a past range that have no task yet. */
export function BackfillDialog({ id, isOpen, onClose }: Props) {
  return (
    <Dialog title={`Backfill ${id}`} isOpen={isOpen} onClose={onClose}>
      <Range id={id} onClose={onClose} />
    </Dialog>
  )
}

function Range({ id, onClose }: Omit<Props, 'isOpen'>) {
  const queries = useQueryClient()
  const [from, setFrom] = useState('')
  const [until, setUntil] = useState('')
  const [overlap, setOverlap] = useState<NonNullable<BackfillRange['overlap']>>('buffer_all')
  const range = { from: timeOfInput(from), until: timeOfInput(until) }
  const { mutate, isPending, data, error } = useMutation({
    mutationFn: (given: BackfillRange) => client.backfillSchedule(id, given),
    onSettled: () => queries.invalidateQueries({ queryKey: ['schedules'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (range.from !== null && range.until !== null) mutate({ from: range.from, until: range.until, overlap })
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <p style={{ margin: 0 }}>
          Runs the ticks of a past range that have no task yet, at most 10,000. Times are in your time zone.
        </p>
        <TextInput
          type="datetime-local"
          label="From"
          value={from}
          onChange={({ currentTarget }) => setFrom(currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          label="Until"
          value={until}
          onChange={({ currentTarget }) => setUntil(currentTarget.value)}
        />
        <NativeSelect
          label="If the last run has not ended"
          value={overlap}
          data={selectable(overlapNames)}
          onChange={({ currentTarget }) => setOverlap(currentTarget.value as typeof overlap)}
        />
        {error !== null && (
          <Alert color="red" role="alert">
            {error.message}
          </Alert>
        )}
        {data !== undefined && (
          <Alert role="status">
            {data.ticks === 0
              ? 'No tick was added: all ticks of this range have a task already.'
              : `${exactCount(data.ticks)} ${data.ticks === 1 ? 'tick' : 'ticks'} added`}
          </Alert>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button type="submit" loading={isPending} disabled={range.from === null || range.until === null}>
            Run ticks
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
