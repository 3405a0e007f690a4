import { Button, Group, Popover } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import type { LimitDetails } from '../../../src/client/index.ts'
import { useCan } from '../access/me.ts'
import { client } from '../data/client.ts'
import { LinkButton } from '../kit/LinkButton.tsx'
import styles from './Limits.module.css'

/** What callers who may control tasks can do to a limit. */
export function LimitActions({ of: limit }: Readonly<{ of: LimitDetails }>) {
  return useCan('control') ? <Actions of={limit} /> : null
}

function Actions({ of: { name, origin } }: Readonly<{ of: LimitDetails }>) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [isAsking, setAsking] = useState(false)
  const remove = useMutation({
    mutationFn: () => client.deleteLimit(name),
    onSuccess: () => navigate('/limits'),
    onSettled: () => queries.invalidateQueries({ queryKey: ['limits'] }),
  })
  const question =
    origin === 'api'
      ? 'Its tasks are no longer held back by it. If a type declares this limit, that declaration holds again.'
      : 'Its tasks are no longer held back by it, unless a type of this server still declares it.'
  return (
    <div className={styles.actions}>
      <div className={styles.buttons}>
        <LinkButton
          size="xs"
          variant="default"
          to={`/limits/${encodeURIComponent(name)}?edit`}
          aria-label={`Change ${name}`}
        >
          Change
        </LinkButton>
        <Popover
          opened={isAsking}
          onChange={setAsking}
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
              aria-label={`Delete ${name}`}
              onClick={() => setAsking(true)}
            >
              Delete
            </Button>
          </Popover.Target>
          <Popover.Dropdown aria-label="Delete this limit?">
            <p className={styles.question}>{question}</p>
            <Group justify="flex-end" gap="xs">
              <Button size="xs" variant="default" onClick={() => setAsking(false)}>
                Keep limit
              </Button>
              <Button
                size="xs"
                color="red"
                data-autofocus
                onClick={() => {
                  setAsking(false)
                  remove.mutate()
                }}
              >
                Delete limit
              </Button>
            </Group>
          </Popover.Dropdown>
        </Popover>
      </div>
      {remove.error !== null && <div role="alert">{remove.error.message}</div>}
    </div>
  )
}
