import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { DeliveryDetails, WebhookDetails } from '../../../src/client/index.ts'
import { client } from '../data/client.ts'
import { reads } from '../data/reads.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { Table } from '../kit/Table.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import { exactCount } from '../time/words.ts'
import styles from './Webhooks.module.css'
import { deliveryStates } from './words.ts'

type Status = DeliveryDetails['status']

/** The messages of a webhook, newest first, with their attempts. */
export function Deliveries({ of: { id, dead } }: Readonly<{ of: WebhookDetails }>) {
  const queries = useQueryClient()
  const [status, setStatus] = useState<Status | 'all'>('all')
  const list = useInfiniteQuery(reads.deliveries(id, status === 'all' ? null : status))
  const again = useMutation({
    mutationFn: (delivery: string | null) =>
      client.redeliver(id, delivery === null ? { after: 0 } : { delivery_id: delivery }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  })
  const filters = (
    <div className={styles.filters}>
      <NativeSelect
        size="xs"
        aria-label={say.common.status}
        value={status}
        onChange={({ currentTarget }) => setStatus(currentTarget.value as Status | 'all')}
        data={[
          { value: 'all', label: say.webhooks.all },
          ...Object.entries(deliveryStates).map(([value, label]) => ({ value, label })),
        ]}
      />
      {dead > 0 && (
        <Button size="xs" variant="default" loading={again.isPending} onClick={() => again.mutate(null)}>
          {say.webhooks.sendAllDeadOnesAgain}
        </Button>
      )}
    </div>
  )
  return (
    <>
      {again.error !== null && <div role="alert">{again.error.message}</div>}
      <PagedList
        of={list}
        itemsOf={({ deliveries }) => deliveries}
        title={say.webhooks.deliveries}
        aside={filters}
        more={say.webhooks.showMoreDeliveries}
        empty={
          <EmptyState icon="webhook" title={say.webhooks.noDeliveries}>
            <p>{say.webhooks.messagesAppearHere}</p>
          </EmptyState>
        }
      >
        {(deliveries) => (
          <Table
            label={say.webhooks.deliveries}
            head={[
              say.webhooks.event,
              say.common.task,
              say.common.status,
              say.common.attempts,
              say.common.lastError,
              say.webhooks.nextAttempt,
              say.webhooks.created,
              '',
            ]}
          >
            {deliveries.map((one) => (
              <Row key={one.id} of={one} onAgain={() => again.mutate(one.id)} />
            ))}
          </Table>
        )}
      </PagedList>
    </>
  )
}

function Row({ of, onAgain }: Readonly<{ of: DeliveryDetails; onAgain: () => void }>) {
  const { id, event, task_id: task, status, attempts, last_error: error, next_at: next, created_at: at } = of
  return (
    <tr>
      <td>{event}</td>
      <td>{task === null ? '' : <TaskLink id={task} />}</td>
      <td>{deliveryStates[status]}</td>
      <td>{exactCount(attempts)}</td>
      <td className={styles.error}>{error ?? ''}</td>
      <td>{next === null ? '' : <Time at={next} />}</td>
      <td>
        <Time at={at} />
      </td>
      <td>
        {status !== 'pending' && (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={say.webhooks.sendOneAgain(id)}
            onClick={onAgain}
          >
            {say.webhooks.sendAgain}
          </Button>
        )}
      </td>
    </tr>
  )
}
