import { Alert, Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { BackfillRange } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Dialog } from '../kit/Dialog.tsx'
import { say } from '../language/say.ts'
import { timeOfInput } from '../time/input.ts'
import { overlapNames, selectable } from './words.ts'

type Props = Readonly<{ id: string; isOpen: boolean; onClose: () => void }>

/** Runs the ticks of a past range that have no task yet. */
export function BackfillDialog({ id, isOpen, onClose }: Props) {
  return (
    <Dialog title={say.schedules.backfillOne(id)} isOpen={isOpen} onClose={onClose}>
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
        <p style={{ margin: 0 }}>{say.schedules.backfillMeans}</p>
        <TextInput
          type="datetime-local"
          label={say.schedules.from}
          value={from}
          onChange={({ currentTarget }) => setFrom(currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          label={say.schedules.until}
          value={until}
          onChange={({ currentTarget }) => setUntil(currentTarget.value)}
        />
        <NativeSelect
          label={say.schedules.overlap}
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
            {data.ticks === 0 ? say.schedules.noTickAdded : say.schedules.ticksAdded(data.ticks)}
          </Alert>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {say.common.close}
          </Button>
          <Button type="submit" loading={isPending} disabled={range.from === null || range.until === null}>
            {say.schedules.runTicks}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
