import { Alert, Button, Checkbox, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { IssuedKey, Scope } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Card } from '../kit/Card.tsx'
import { storedKey, storeKey } from './key.ts'
import styles from './KeysPage.module.css'

const meanings: Readonly<Record<Scope, string>> = {
  read: 'see tasks and the server',
  run: 'submit tasks',
  control: 'pause, resume, cancel, retry, delete, hold',
  worker: 'run tasks remotely',
  admin: 'everything, including keys',
}

type Props = Readonly<{ isFirst: boolean; onIssued: (issued: IssuedKey) => void }>

/** Creates a key. The first one of an open server is used by this tab at once: without it, the server would refuse its next call. */
export function KeyForm({ isFirst, onIssued }: Props) {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [chosen, setScopes] = useState<readonly Scope[]>([])
  const [types, setTypes] = useState('')
  const [tags, setTags] = useState('')
  const [rate, setRate] = useState('')
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      client.createKey({
        name: name.trim(),
        scopes: [...chosen],
        types: listOf(types),
        tags: listOf(tags),
        rate_limit: rateOf(rate) ?? null,
      }),
    onSuccess: (issued) => {
      if (isFirst && storedKey() === undefined) storeKey(issued.key)
      setName('')
      setScopes([])
      onIssued(issued)
    },
    onSettled: () => queries.invalidateQueries(),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    mutate()
  }
  return (
    <Card title="New key">
      <form className={styles.form} onSubmit={submit}>
        <TextInput
          label="Name"
          description="Shown in timelines for everything done with the key"
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <div className={styles.scopes} role="group" aria-label="Scopes">
          {(Object.keys(meanings) as Scope[]).map((scope) => (
            <Checkbox
              key={scope}
              label={`${scope}: ${meanings[scope]}`}
              checked={chosen.includes(scope)}
              onChange={({ currentTarget }) =>
                setScopes(currentTarget.checked ? [...chosen, scope] : chosen.filter((one) => one !== scope))
              }
            />
          ))}
        </div>
        <TextInput
          label="Only types"
          description="Comma-separated; empty for all"
          value={types}
          onChange={({ currentTarget }) => setTypes(currentTarget.value)}
        />
        <TextInput
          label="Only tags"
          description="Comma-separated; empty for all"
          value={tags}
          onChange={({ currentTarget }) => setTags(currentTarget.value)}
        />
        <TextInput
          label="Rate limit"
          description="Requests and a time, like 100/1m; empty for the default of the server"
          value={rate}
          error={rateOf(rate) === undefined ? 'Must be a number and a time, like 100/1m' : undefined}
          onChange={({ currentTarget }) => setRate(currentTarget.value)}
        />
        {error !== null && (
          <Alert color="red" role="alert">
            {error.message}
          </Alert>
        )}
        <Button
          type="submit"
          loading={isPending}
          disabled={name.trim() === '' || chosen.length === 0 || rateOf(rate) === undefined}
        >
          Create key
        </Button>
      </form>
    </Card>
  )
}

/** Null, which means the default, if nothing is given; undefined if it is not a rate limit. The server checks its bounds. */
function rateOf(text: string): { limit: number; per: string } | null | undefined {
  if (text.trim() === '') return null
  const [, limit, per = ''] = /^\s*(\d{1,9})\s*\/\s*(\S+)\s*$/.exec(text) ?? []
  return limit === undefined ? undefined : { limit: Number(limit), per: /^\d/.test(per) ? per : `1${per}` }
}

/** Null, which means all, if nothing is given. */
function listOf(text: string): string[] | null {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  return items.length === 0 ? null : items
}
