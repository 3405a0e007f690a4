import { Alert, Button, Group, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { LimitDetails, LimitDraft } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Card } from '../kit/Card.tsx'
import { say } from '../language/say.ts'
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
    text.trim() === '' || isCount(text) ? undefined : say.limits.mustBeACount
  return (
    <Card>
      <form className={styles.form} onSubmit={submit}>
        {limit === undefined && (
          <TextInput
            label={say.common.name}
            description={say.limits.nameHint}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
        )}
        <TextInput
          label={say.limits.atOnce}
          description={say.limits.atOnceHint}
          inputMode="numeric"
          value={concurrency}
          error={faultOf(concurrency)}
          onChange={({ currentTarget }) => setConcurrency(currentTarget.value)}
        />
        <TextInput
          label={say.limits.starts}
          description={say.limits.startsHint}
          inputMode="numeric"
          value={starts}
          error={faultOf(starts)}
          onChange={({ currentTarget }) => setStarts(currentTarget.value)}
        />
        <TextInput
          label={say.limits.per}
          description={say.limits.perHint}
          value={per}
          disabled={starts.trim() === ''}
          onChange={({ currentTarget }) => setPer(currentTarget.value)}
        />
        <TextInput
          label={say.common.waiting}
          description={say.limits.waitingHint}
          inputMode="numeric"
          value={waiting}
          error={faultOf(waiting)}
          onChange={({ currentTarget }) => setWaiting(currentTarget.value)}
        />
        <NativeSelect
          label={say.limits.counted}
          description={say.limits.countedHint}
          value={scope}
          data={[
            { value: 'global', label: say.limits.overAllNodes },
            { value: 'node', label: say.limits.onEachNode },
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
            {limit === undefined ? say.limits.createLimit : say.limits.saveLimit}
          </Button>
          <Button variant="default" onClick={onCancel}>
            {say.common.cancel}
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
