import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { IssuedKey, KeyDetails } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { ActionButton } from '../kit/Entries.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { durationWords } from '../time/words.ts'
import styles from './KeysPage.module.css'

/** Seconds for which the secret before a rotation remains valid. */
const overlap = 3_600

type Props = Readonly<{ of: KeyDetails; onIssued: (issued: IssuedKey) => void }>

/** A key, and what can be done to it. A revocation is confirmed by a second click. */
export function KeyRow({ of: key, onIssued }: Props) {
  const queries = useQueryClient()
  const [isSure, setSure] = useState(false)
  const onSettled = () => queries.invalidateQueries()
  const rotate = useMutation({
    mutationFn: () => client.rotateKey(key.id, { overlap }),
    onSuccess: onIssued,
    onSettled,
  })
  const revoke = useMutation({ mutationFn: () => client.revokeKey(key.id), onSettled })
  const failure = rotate.error ?? revoke.error
  const only = [...(key.types ?? []), ...(key.tags ?? []).map((tag) => `#${tag}`)]
  return (
    <div className={styles.row}>
      <div>
        <div className={styles.name}>{key.name}</div>
        <div className={styles.facts}>
          {key.scopes.join(', ')}
          {only.length > 0 && say.access.onlyFor(only.join(', '))}
          {key.rate_limit !== null &&
            say.access.requestsPer(key.rate_limit.limit, durationWords(key.rate_limit.per))}
          {say.access.created}
          <Time at={key.created_at} />
          {say.access.createdBy(key.created_by)}
          {key.last_used_at !== null && (
            <>
              {say.access.lastUsed}
              <Time at={key.last_used_at} />
            </>
          )}
          {key.expires_at !== null && (
            <>
              {say.access.expires}
              <Time at={key.expires_at} />
            </>
          )}
        </div>
        {failure !== null && <div role="alert">{failure.message}</div>}
      </div>
      <div className={styles.buttons}>
        <ActionButton
          isBusy={rotate.isPending}
          label={say.access.rotateKey(key.name)}
          title={say.access.rotateHint}
          onClick={() => rotate.mutate()}
        >
          {say.access.rotate}
        </ActionButton>
        <Button
          size="xs"
          color="red"
          variant={isSure ? 'filled' : 'default'}
          loading={revoke.isPending}
          aria-label={isSure ? say.access.revokeKeyNow(key.name) : say.access.revokeKey(key.name)}
          onClick={() => (isSure ? revoke.mutate() : setSure(true))}
          onBlur={() => setSure(false)}
        >
          {isSure ? say.access.revokeNow : say.access.revoke}
        </Button>
      </div>
    </div>
  )
}
