import { Alert, Button, Checkbox, Group, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { IssuedWebhook } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { Card } from '../kit/Card.tsx'
import { say } from '../language/say.ts'
import styles from './Webhooks.module.css'
import { eventNames, listOf, type Event } from './words.ts'

type Props = Readonly<{ onDone: (issued: IssuedWebhook) => void; onCancel: () => void }>

/** Creates a webhook. */
export function WebhookForm({ onDone, onCancel }: Props) {
  const queries = useQueryClient()
  const [url, setUrl] = useState('')
  const [events, setEvents] = useState<string[]>(['task.completed', 'task.failed'])
  const [types, setTypes] = useState('')
  const [tags, setTags] = useState('')
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      client.createWebhook({
        url: url.trim(),
        events: events as Event[],
        types: listOf(types),
        tags: listOf(tags),
      }),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    mutate()
  }
  return (
    <Card>
      <form className={styles.form} onSubmit={submit}>
        <TextInput
          className={styles.whole}
          label="URL"
          description={say.webhooks.whereToSendMessages}
          placeholder="https://example.com/hooks/fermata"
          value={url}
          onChange={({ currentTarget }) => setUrl(currentTarget.value)}
        />
        <Checkbox.Group
          className={styles.whole}
          label={say.common.events}
          description={say.webhooks.eventsHint}
          value={events}
          onChange={setEvents}
        >
          <div className={styles.events}>
            {Object.entries(eventNames).map(([event, name]) => (
              <Checkbox key={event} value={event} label={name} />
            ))}
          </div>
        </Checkbox.Group>
        <TextInput
          label={say.common.types}
          description={say.webhooks.typesHint}
          value={types}
          onChange={({ currentTarget }) => setTypes(currentTarget.value)}
        />
        <TextInput
          label={say.common.tags}
          description={say.webhooks.tagsHint}
          value={tags}
          onChange={({ currentTarget }) => setTags(currentTarget.value)}
        />
        {error !== null && (
          <Alert color="red" role="alert" className={styles.whole}>
            {error.message}
          </Alert>
        )}
        <Group gap="xs" className={styles.whole}>
          <Button type="submit" loading={isPending} disabled={url.trim() === '' || events.length === 0}>
            {say.webhooks.createWebhook}
          </Button>
          <Button variant="default" onClick={onCancel}>
            {say.common.cancel}
          </Button>
        </Group>
      </form>
    </Card>
  )
}
