import { Alert, Button, Checkbox, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { IssuedKey, Scope } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Card } from '../kit/Card.tsx'
import { say } from '../language/say.ts'
import { storedKey, storeKey } from './key.ts'
import styles from './KeysPage.module.css'

const meanings: Readonly<Record<Scope, string>> = {
  read: say.access.scopeRead,
  run: say.access.scopeRun,
  control: say.access.scopeControl,
  worker: say.access.scopeWorker,
  admin: say.access.scopeAdmin,
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
    <Card title={say.access.newKey}>
      <form className={styles.form} onSubmit={submit}>
        <TextInput
          label={say.common.name}
          description={say.access.nameHint}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <div className={styles.scopes} role="group" aria-label={say.access.scopes}>
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
          label={say.access.onlyTypes}
          description={say.common.emptyForAll}
          value={types}
          onChange={({ currentTarget }) => setTypes(currentTarget.value)}
        />
        <TextInput
          label={say.access.onlyTags}
          description={say.common.emptyForAll}
          value={tags}
          onChange={({ currentTarget }) => setTags(currentTarget.value)}
        />
        <TextInput
          label={say.access.rateLimit}
          description={say.access.rateHint}
          value={rate}
          error={rateOf(rate) === undefined ? say.access.mustBeARate : undefined}
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
          {say.access.createKey}
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
