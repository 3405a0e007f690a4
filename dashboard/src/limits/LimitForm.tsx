import { Alert, Button, Group, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { LimitDetails, LimitDraft } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Card } from '../kit/Card.tsx'
import styles from './Limits.module.css'

type Props = Readonly<{ limit?: LimitDetails; onDone: (name: string) => void; onCancel: () => void }>

/** Sets a limit: a new one, or another definition of one. */
export function LimitForm({ limit, onDone, onCancel }: Props) {
  const queries = useQueryClient()
  const [name, setName] = useState(limit?.name ?? '')
  const [concurrency, setConcurrency] = useState(textOf(limit?.concurrency))
  const [starts, setStarts] = useState(textOf(limit?.rate?.limit))
  const [per, setPer] = useState(limit?.rate == null ? '1m' : `${limit.rate.per}s`)
  const [waiting, setWaiting] = useState(textOf(limit?.max_queued))
  const [scope, setScope] = useState<NonNullable<LimitDraft['scope']>>(limit?.scope ?? 'global')
  const isWrong = [concurrency, starts, waiting].some((text) => text.trim() !== '' && !isCount(text))
  const isEmpty = [concurrency, starts, waiting].every((text) => text.trim() === '')
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      client.setLimit(name.trim(), {
        scope,
        ...(concurrency.trim() === '' ? {} : { concurrency: Number(concurrency) }),
        ...(starts.trim() === '' ? {} : { rate: { limit: Number(starts), per } }),
        ...(waiting.trim() === '' ? {} : { max_queued: Number(waiting) }),
      }),
    onSuccess: (set) => onDone(set.name),
    onSettled: () => queries.invalidateQueries({ queryKey: ['limits'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    mutate()
  }
  const faultOf = (text: string) =>
    text.trim() === '' || isCount(text) ? undefined : 'Must be a whole number from 1'
  return (
    <Card>
      <form className={styles.form} onSubmit={submit}>
        {limit === undefined && (
          <TextInput
            label="Name"
            description="Submits and types use it, like mail-api"
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
        )}
        <TextInput
          label="At once"
          description="Running tasks of a key; empty: any number"
          inputMode="numeric"
          value={concurrency}
          error={faultOf(concurrency)}
          onChange={({ currentTarget }) => setConcurrency(currentTarget.value)}
        />
        <TextInput
          label="Starts"
          description="In the time beside; empty: any number"
          inputMode="numeric"
          value={starts}
          error={faultOf(starts)}
          onChange={({ currentTarget }) => setStarts(currentTarget.value)}
        />
        <TextInput
          label="Per"
          description="Time, like 1m, 30s or 1h"
          value={per}
          disabled={starts.trim() === ''}
          onChange={({ currentTarget }) => setPer(currentTarget.value)}
        />
        <TextInput
          label="Waiting"
          description="Queued tasks of a key; empty: any number"
          inputMode="numeric"
          value={waiting}
          error={faultOf(waiting)}
          onChange={({ currentTarget }) => setWaiting(currentTarget.value)}
        />
        <NativeSelect
          label="Counted"
          description="Over all nodes, or on each for itself"
          value={scope}
          data={[
            { value: 'global', label: 'Over all nodes' },
            { value: 'node', label: 'On each node' },
          ]}
          onChange={({ currentTarget }) => setScope(currentTarget.value as typeof scope)}
        />
        {error !== null && (
          <Alert color="red" role="alert" className={styles.whole}>
            {error.message}
          </Alert>
        )}
        <Group gap="xs" className={styles.whole}>
          <Button
            type="submit"
            loading={isPending}
            disabled={name.trim() === '' || isWrong || isEmpty || (starts.trim() !== '' && per.trim() === '')}
          >
            {limit === undefined ? 'Create limit' : 'Save limit'}
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </form>
    </Card>
  )
}

function textOf(count: number | null | undefined): string {
  return count == null ? '' : String(count)
}

function isCount(text: string): boolean {
  return /^\s*[1-9]\d{0,6}\s*$/.test(text)
}
