import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useLocation } from 'wouter'
import type { IssuedWebhook, WebhookDetails } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { ActionButton, Actions, DeleteButton } from '../kit/Entries.tsx'
import { say } from '../language/say.ts'
import styles from './Webhooks.module.css'

type Props = Readonly<{ of: WebhookDetails; onIssued: (issued: IssuedWebhook) => void }>

/** What can be done to a webhook. The built-in one for callbacks has a secret only. */
export function WebhookActions({ of: webhook, onIssued }: Props) {
  const { id, url, events, types, tags, paused } = webhook
  const queries = useQueryClient()
  const [, navigate] = useLocation()
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
    <Actions className={styles.actions} error={error}>
      {isOwn && (
        <>
          <ActionButton isBusy={test.isPending} onClick={() => test.mutate()}>
            {say.webhooks.sendTest}
          </ActionButton>
          <ActionButton isBusy={pause.isPending} onClick={() => pause.mutate()}>
            {paused ? say.common.resume : say.common.pause}
          </ActionButton>
        </>
      )}
      <ActionButton isBusy={rotate.isPending} onClick={() => rotate.mutate()}>
        {isOwn ? say.webhooks.rotateSecret : say.webhooks.newSecret}
      </ActionButton>
      {isOwn && (
        <DeleteButton
          what={say.webhooks.webhook}
          effect={say.webhooks.deletes}
          isBusy={remove.isPending}
          onDelete={() => remove.mutate()}
        />
      )}
    </Actions>
  )
}
