import { Button, Group, Popover } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import type { IssuedWebhook, WebhookDetails } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import styles from './Webhooks.module.css'

type Props = Readonly<{ of: WebhookDetails; onIssued: (issued: IssuedWebhook) => void }>

/** What can be done to a webhook. The built-in one for callbacks has a secret only. */
export function WebhookActions({ of: webhook, onIssued }: Props) {
  const { id, url, events, types, tags, paused } = webhook
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [isAsking, setAsking] = useState(false)
  const onSettled = () => queries.invalidateQueries({ queryKey: ['webhooks'] })
  const test = useMutation({ mutationFn: () => client.testWebhook(id), onSettled })
  const pause = useMutation({
    mutationFn: () => client.replaceWebhook(id, { url, events, types, tags, paused: !paused }),
    onSettled,
  })
  const rotate = useMutation({ mutationFn: () => client.rotateWebhook(id), onSuccess: onIssued, onSettled })
  const remove = useMutation({
    mutationFn: () => client.deleteWebhook(id),
    onSuccess: () => navigate('/webhooks'),
    onSettled,
  })
  const error = test.error ?? pause.error ?? rotate.error ?? remove.error
  const isOwn = id !== 'callbacks'
  return (
    <div className={styles.actions}>
      <div className={styles.buttons}>
        {isOwn && (
          <>
            <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.mutate()}>
              Send test
            </Button>
            <Button size="xs" variant="default" loading={pause.isPending} onClick={() => pause.mutate()}>
              {paused ? 'Resume' : 'Pause'}
            </Button>
          </>
        )}
        <Button size="xs" variant="default" loading={rotate.isPending} onClick={() => rotate.mutate()}>
          {isOwn ? 'Rotate secret' : 'New secret'}
        </Button>
        {isOwn && (
          <Popover
            opened={isAsking}
            onChange={setAsking}
            width={300}
            position="bottom-start"
            shadow="md"
            trapFocus
            returnFocus
          >
            <Popover.Target>
              <Button size="xs" variant="default" loading={remove.isPending} onClick={() => setAsking(true)}>
                Delete
              </Button>
            </Popover.Target>
            <Popover.Dropdown aria-label="Delete this webhook?">
              <p className={styles.question}>What is pending is not sent, and its deliveries are deleted.</p>
              <Group justify="flex-end" gap="xs">
                <Button size="xs" variant="default" onClick={() => setAsking(false)}>
                  Keep webhook
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
                  Delete webhook
                </Button>
              </Group>
            </Popover.Dropdown>
          </Popover>
        )}
      </div>
      {error !== null && <div role="alert">{error.message}</div>}
    </div>
  )
}
