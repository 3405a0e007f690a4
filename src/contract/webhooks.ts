import { z } from 'zod'
import { parseDuration } from '../core/duration.ts'
import {
  anyEvent,
  deliveryStatuses,
  webhookBounds,
  webhookEvents,
  type Delivery,
  type Webhook,
} from '../core/webhook.ts'
import { auditReason } from './requests.ts'
import { duration, label, queryWhole, taskId, time, typeName } from './values.ts'

/** Requests and responses about webhooks. */

const eventName = z.enum([...webhookEvents, anyEvent])

export const WebhookParams = z.object({
  webhook_id: z
    .string()
    .regex(/^[\w-]{1,40}$/, 'must be an id of a webhook')
    .meta({
      description: 'Id of a webhook; `callbacks` stands for the callbacks of all tasks.',
      example: 'wh_3f9a1c0b7d24e86a51',
    }),
})

const url = z.string().min(1).max(webhookBounds.url)

export const WebhookRequest = z
  .strictObject(
    {
      url: url.meta({
        description: 'Where to send messages: `https://` or `http://`, without a password.',
        example: 'https://hooks.example/fermata',
      }),
      events: z
        .array(eventName)
        .min(1)
        .meta({
          description:
            'When to send one: `task.completed` if a task becomes `completed`, and so on for each status; `task.*` for all of them.',
          example: ['task.completed', 'task.failed'],
        }),
      types: z.array(typeName).min(1).max(webhookBounds.types).nullable().exactOptional().meta({
        description: 'Only tasks of these types. Default: all.',
        example: null,
      }),
      tags: z.array(label(200)).min(1).max(webhookBounds.tags).nullable().exactOptional().meta({
        description: 'Only tasks with at least one of these tags. Default: all.',
        example: null,
      }),
      paused: z.boolean().exactOptional().meta({
        description:
          'Nothing is sent while it is paused; events are kept and sent afterwards. `false` also starts one again that the receiver has ended with 410. Default: as it is, and `false` for a new one.',
        example: false,
      }),
      reason: auditReason.exactOptional(),
    },
    'the body must be a JSON object',
  )
  .meta({
    description: 'A webhook.',
    example: { url: 'https://hooks.example/fermata', events: ['task.completed', 'task.failed'] },
  })

export const RotateWebhookRequest = z
  .strictObject(
    {
      overlap: duration(
        'How long messages are signed with the current secret as well. Default 24 hours.',
        '24h',
      ).exactOptional(),
      reason: auditReason.exactOptional(),
    },
    'the body must be a JSON object',
  )
  .meta({ description: 'How to rotate the secret of a webhook.', example: { overlap: '24h' } })

const lastTime = 253_402_300_799

export const RedeliverRequest = z
  .strictObject(
    {
      delivery_id: z
        .string()
        .regex(/^\d{1,15}$/, 'must be an id of a delivery')
        .exactOptional()
        .meta({ description: 'One delivery that has ended.', example: '4711' }),
      after: z.number().min(0).max(lastTime).exactOptional().meta({
        description: 'Dead deliveries created at or after this time. Unix seconds.',
        example: 1_764_000_000,
      }),
      before: z.number().min(0).max(lastTime).exactOptional().meta({
        description: 'Dead deliveries created before this time. Unix seconds.',
        example: 1_764_086_400,
      }),
    },
    'the body must be a JSON object',
  )
  .refine(({ delivery_id: id, ...range }) => (id === undefined) === Object.keys(range).length > 0, {
    message: 'needs delivery_id, or after and before',
  })
  .meta({
    description: 'One delivery, or all dead ones of a time.',
    example: { after: 1_764_000_000, before: 1_764_086_400 },
  })

const webhookExample = {
  id: 'wh_3f9a1c0b7d24e86a51',
  url: 'https://hooks.example/fermata',
  events: ['task.completed' as const, 'task.failed' as const],
  types: null,
  tags: null,
  paused: false,
  paused_reason: null,
  created_at: 1_764_000_000.125,
  pending: 0,
  dead: 0,
}

export const WebhookBody = z
  .strictObject({
    id: z.string(),
    url: z.string(),
    events: z.array(eventName),
    types: z.array(typeName).nullable(),
    tags: z.array(z.string()).nullable(),
    paused: z.boolean(),
    paused_reason: z
      .string()
      .nullable()
      .meta({ description: 'Who or what has paused it, and why; null if it is not paused.' }),
    created_at: time('Time of creation.'),
    pending: z.int().meta({ description: 'Messages that are still to be sent. Counted up to 10,000.' }),
    dead: z
      .int()
      .meta({ description: 'Messages that were given up after the last attempt. Counted up to 10,000.' }),
  })
  .meta({ description: 'A webhook, without its secret.', example: webhookExample })

const secretExample = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

export const IssuedWebhookBody = z
  .strictObject({
    ...WebhookBody.shape,
    secret: z.string().meta({
      description:
        'Signs its messages; shown in this response only. Verify them with any library of Standard Webhooks.',
    }),
  })
  .meta({
    description: 'A webhook with its secret.',
    example: { ...webhookExample, secret: secretExample },
  })

export const WebhooksBody = z
  .strictObject({ webhooks: z.array(WebhookBody), next_cursor: z.null() })
  .meta({ description: 'All webhooks.', example: { webhooks: [webhookExample], next_cursor: null } })

const deliveryExample = {
  id: '4711',
  event: 'task.failed',
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  message_id: 'msg_019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31_3',
  status: 'pending' as const,
  attempts: 1,
  last_status: 503,
  last_error: 'the receiver answered 503',
  next_at: 1_764_000_005.125,
  created_at: 1_764_000_000.125,
  history: [{ at: 1_764_000_000.25, status: 503, error: 'the receiver answered 503', seconds: 0.021 }],
}

export const DeliveryBody = z
  .strictObject({
    id: z.string(),
    event: z.string(),
    task_id: taskId.nullable().meta({ description: 'Null for a test.' }),
    message_id: z
      .string()
      .meta({ description: 'Its `webhook-id`, the same for each attempt and each receiver of the event.' }),
    status: z.enum(deliveryStatuses),
    attempts: z.int(),
    last_status: z.int().nullable().meta({ description: 'Of the last response; null if none came.' }),
    last_error: z.string().nullable(),
    next_at: time('Time of the next attempt; null once it has ended.').nullable(),
    created_at: time('Time of the event.'),
    history: z.array(
      z.strictObject({
        at: time('Start of the attempt.'),
        status: z.int().nullable(),
        error: z.string().nullable(),
        seconds: z.number().meta({ description: 'How long it took.' }),
      }),
    ),
  })
  .meta({ description: 'A message to a receiver.', example: deliveryExample })

export const DeliveriesBody = z
  .strictObject({ deliveries: z.array(DeliveryBody), next_cursor: z.string().nullable() })
  .meta({
    description: 'A page of deliveries, newest first.',
    example: { deliveries: [deliveryExample], next_cursor: null },
  })

export const DeliveriesQuery = z.strictObject({
  status: z
    .enum(deliveryStatuses, `must be ${deliveryStatuses.join(', ')}`)
    .exactOptional()
    .meta({ description: 'Only those with this status.', example: 'dead' }),
  limit: queryWhole(1, 1_000).default(100).meta({ description: 'Maximum number of entries.', example: 100 }),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the next_cursor of a page')
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before.', example: '4711' }),
})

export const RedeliveredBody = z
  .strictObject({ redelivered: z.int().meta({ description: 'How many are sent again.' }) })
  .meta({ description: 'What is sent again.', example: { redelivered: 12 } })

export function webhookBody({
  webhook: { id, url: address, events, types, tags, paused, createdAt },
  pending,
  dead,
}: Readonly<{ webhook: Webhook; pending: number; dead: number }>): z.output<typeof WebhookBody> {
  return {
    id,
    url: address,
    events: [...events],
    types: types === null ? null : [...types],
    tags: tags === null ? null : [...tags],
    paused: paused !== null,
    paused_reason: paused === null ? null : `${paused.by}${paused.why === null ? '' : `: ${paused.why}`}`,
    created_at: createdAt / 1_000,
    pending,
    dead,
  }
}

export function deliveryBody(delivery: Delivery, messageId: string): z.output<typeof DeliveryBody> {
  const { number, event, taskId: id, status, attempts, nextAt, createdAt, history } = delivery
  const last = history.at(-1)
  return {
    id: String(number),
    event,
    task_id: id,
    message_id: messageId,
    status,
    attempts,
    last_status: last?.status ?? null,
    last_error: last?.error ?? null,
    next_at: nextAt === null ? null : nextAt / 1_000,
    created_at: createdAt / 1_000,
    history: history.map(({ at, status: answered, error, took }) => ({
      at: at / 1_000,
      status: answered,
      error,
      seconds: took / 1_000,
    })),
  }
}

/** Milliseconds. */
export function overlapOf({ overlap }: z.output<typeof RotateWebhookRequest>): number {
  return parseDuration(overlap ?? '24h') ?? 0
}
