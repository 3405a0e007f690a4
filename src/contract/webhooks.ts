import { z } from 'zod'
import {
  callbacksId,
  longestUrl,
  webhookEvents,
  type Delivery,
  type Webhook,
  type WebhookEvent,
} from '../core/webhook.ts'
import { duration, label, queryWhole, taskId, time, typeName } from './values.ts'

/** Requests and responses about webhooks. */

const eventName = z.enum(webhookEvents as [WebhookEvent, ...WebhookEvent[]])

export const WebhookRequest = z
  .strictObject(
    {
      url: label(longestUrl).meta({
        description:
          'An http or https URL. Its address must be public, or listed in `FERMATA_WEBHOOK_ALLOW`; this is checked with each connection. Redirects are not followed.',
        example: 'https://example.com/hooks/fermata',
      }),
      events: z
        .array(eventName)
        .min(1)
        .max(webhookEvents.length)
        .meta({
          description:
            'Events to send: `task.` and the name of an event of the timeline, or `task.*` for all. However a task ends, its last event is `task.completed`, `task.failed` or `task.cancelled`.',
          example: ['task.completed', 'task.failed'],
        }),
      types: z.array(typeName.min(1).max(200)).min(1).max(1_000).nullable().exactOptional().meta({
        description: 'Only tasks of these types. Default: all.',
        example: null,
      }),
      tags: z.array(label(200)).min(1).max(50).nullable().exactOptional().meta({
        description: 'Only tasks with at least one of these tags. Default: all.',
        example: null,
      }),
      description: label(500).nullable().exactOptional().meta({ description: 'For people.', example: null }),
      paused: z.boolean().exactOptional().meta({
        description: 'While it is paused, events are kept, and delivered once it is not. Default: false.',
        example: false,
      }),
    },
    'the body must be a JSON object',
  )
  .meta({
    description: 'A webhook.',
    example: { url: 'https://example.com/hooks/fermata', events: ['task.completed', 'task.failed'] },
  })

export const WebhookParams = z.object({
  webhook_id: z.string().meta({
    description: `Webhook id; \`${callbacksId}\` for the callbacks of all tasks, where a call allows it.`,
    example: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  }),
})

export const RotateSecretRequest = z
  .strictObject(
    {
      overlap: duration(
        'How long messages are signed with the current secret as well. Default 0.',
        '1d',
      ).exactOptional(),
    },
    'the body must be a JSON object',
  )
  .meta({ description: 'How to rotate a secret.', example: { overlap: '1d' } })

export const DeliveriesQuery = z.strictObject({
  status: z
    .enum(['pending', 'delivered', 'dead'])
    .exactOptional()
    .meta({ description: 'Only these.', example: 'dead' }),
  limit: queryWhole(1, 1_000).default(50).meta({ description: 'Maximum number of deliveries.', example: 50 }),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the next_cursor of a page')
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before: only older deliveries.' }),
})

const moment = (description: string) =>
  z
    .number()
    .min(0)
    .max(253_402_300_799)
    .meta({ description: `${description} Unix seconds.`, example: 1_764_000_000 })

export const RedeliverRequest = z
  .strictObject(
    {
      delivery_id: z
        .string()
        .max(20)
        .exactOptional()
        .meta({ description: 'One delivery, whatever its status.', example: '4711' }),
      after: moment('All dead deliveries of events at or after this time.').exactOptional(),
      before: moment('Only events before this time. Default: now.').exactOptional(),
    },
    'the body must be a JSON object',
  )
  .refine(
    ({ delivery_id: id, after, before }) =>
      id === undefined ? after !== undefined : after === undefined && before === undefined,
    {
      message: 'give either delivery_id, or after with or without before',
    },
  )
  .meta({ description: 'What to deliver again.', example: { delivery_id: '4711' } })

const webhookExample = {
  id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  url: 'https://example.com/hooks/fermata',
  events: ['task.completed', 'task.failed'],
  types: null,
  tags: null,
  description: null,
  paused: false,
  paused_by: null,
  disabled_at: null,
  created_at: 1_764_000_000.125,
  created_by: 'ops',
}

const webhookFields = {
  id: z.string(),
  url: z.string().meta({ description: 'Empty for the callbacks of tasks, which have URLs of their own.' }),
  events: z.array(eventName),
  types: z.array(typeName).nullable(),
  tags: z.array(z.string()).nullable(),
  description: z.string().nullable(),
  paused: z.boolean(),
  paused_by: z.string().nullable().meta({ description: 'Who paused it.' }),
  disabled_at: time(
    'When its receiver answered 410 Gone: since then, nothing is kept or sent. Replace the webhook to enable it.',
  ).nullable(),
  created_at: time('Time of creation.'),
  created_by: z.string().meta({ description: 'The name of the caller that created it.' }),
}

export const WebhookBody = z
  .strictObject(webhookFields)
  .meta({ description: 'A webhook, without its secret.', example: webhookExample })

export const IssuedWebhookBody = z
  .strictObject({
    ...webhookFields,
    secret: z.string().meta({
      description: 'Verifies signatures (Standard Webhooks). Only this response shows it.',
      example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDKb3vpVhLb2M=',
    }),
  })
  .meta({
    description: 'A webhook with its newest secret.',
    example: { ...webhookExample, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDKb3vpVhLb2M=' },
  })

export const WebhooksBody = z.strictObject({ webhooks: z.array(WebhookBody), next_cursor: z.null() }).meta({
  description: 'All webhooks, oldest first: at most 100.',
  example: { webhooks: [webhookExample], next_cursor: null },
})

const deliveryExample = {
  id: '4711',
  event: 'task.completed',
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  created_at: 1_764_000_000.125,
  status: 'pending',
  attempts: 1,
  last_status: 503,
  last_error: 'the receiver answered 503',
  next_at: 1_764_000_005.125,
  ended_at: null,
  tries: [{ at: 1_764_000_000.25, status: 503, error: 'the receiver answered 503', seconds: 0.021 }],
}

export const DeliveryBody = z
  .strictObject({
    id: z.string(),
    event: z.string(),
    task_id: taskId.nullable().meta({ description: 'Null for a test.' }),
    created_at: time('Time of the event.'),
    status: z
      .enum(['pending', 'delivered', 'dead'])
      .meta({ description: '`dead`: no attempts are left, or the receiver answered 410 Gone.' }),
    attempts: z.int(),
    last_status: z.int().nullable().meta({ description: 'Status of the last answer; null without one.' }),
    last_error: z
      .string()
      .nullable()
      .meta({ description: 'Why the last attempt failed; null if it did not.' }),
    next_at: time('When the next attempt is due; null once the delivery has ended.').nullable(),
    ended_at: time('When it was delivered, or died.').nullable(),
    tries: z
      .array(
        z.strictObject({
          at: time('End of the attempt.'),
          status: z.int().nullable(),
          error: z.string().nullable(),
          seconds: z.number().meta({ description: 'Until the answer. Seconds.' }),
        }),
      )
      .meta({ description: 'The newest 20 attempts, oldest first. What receivers answer is not kept.' }),
  })
  .meta({ description: 'A delivery of an event.', example: deliveryExample })

export const DeliveriesBody = z
  .strictObject({ deliveries: z.array(DeliveryBody), next_cursor: z.string().nullable() })
  .meta({
    description: 'Deliveries, newest first. A page can be short and still have a `next_cursor`.',
    example: { deliveries: [deliveryExample], next_cursor: null },
  })

export const RedeliveredBody = z
  .strictObject({ redelivered: z.int().meta({ description: 'Deliveries that are due again.' }) })
  .meta({ description: 'What is delivered again.', example: { redelivered: 1 } })

export function webhookBody(webhook: Omit<Webhook, 'secrets'>): z.output<typeof WebhookBody> {
  const { id, url, events, types, tags, description, paused, disabledAt, createdAt, createdBy } = webhook
  return {
    id,
    url,
    events: [...events],
    types: types === null ? null : [...types],
    tags: tags === null ? null : [...tags],
    description,
    paused: paused !== null,
    paused_by: paused?.by ?? null,
    disabled_at: seconds(disabledAt),
    created_at: createdAt / 1_000,
    created_by: createdBy,
  }
}

export function deliveryBody(delivery: Delivery): z.output<typeof DeliveryBody> {
  const { number, event, taskId: id, at, status, attempts, nextAt, endedAt, tries } = delivery
  const last = tries.at(-1)
  return {
    id: String(number),
    event,
    task_id: id,
    created_at: at / 1_000,
    status,
    attempts,
    last_status: last?.status ?? null,
    last_error: last?.error ?? null,
    next_at: seconds(nextAt),
    ended_at: seconds(endedAt),
    tries: tries.map((one) => ({
      at: one.at / 1_000,
      status: one.status,
      error: one.error,
      seconds: one.ms / 1_000,
    })),
  }
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000
}
