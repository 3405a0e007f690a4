import { z } from 'zod'
import { limitBounds, limitName, type Limit, type StartRate } from '../core/limits.ts'
import { duration, queryWhole, taskId, time } from './values.ts'

/** Requests and responses about limits. */

const scope = z.enum(['global', 'node'], 'must be global or node').meta({
  description: 'Counted over all nodes, or for each node. Default `global`.',
  example: 'global',
})

export const limitNameValue = z
  .string()
  .regex(limitName, 'must have 1 to 100 letters, digits, "_", "-", "." or ":"')
  .meta({ description: 'Name of a limit.', example: 'mail-api' })

export const LimitParams = z.object({ limit_name: limitNameValue })

const rateRequest = z
  .strictObject(
    {
      limit: z.int().min(1).max(limitBounds.rate).meta({ description: 'Starts.', example: 100 }),
      per: duration('Time in which they may start. At most 31 days.', '1m', 0.001),
    },
    'must be an object with limit and per',
  )
  .meta({
    description:
      'How often tasks start: at most `limit` at once after a quiet time, then one every `per / limit`. Each start counts: also that of a retry, and of a task that was resumed.',
    example: { limit: 100, per: '1m' },
  })

export const LimitRequest = z
  .strictObject(
    {
      concurrency: z
        .int()
        .min(1)
        .max(limitBounds.concurrency)
        .exactOptional()
        .meta({ description: 'Maximum number of tasks of a key that run at once.', example: 10 }),
      rate: rateRequest.exactOptional(),
      max_queued: z.int().min(1).max(limitBounds.queued).exactOptional().meta({
        description:
          'Maximum number of tasks of a key that wait for a start. A submit beyond it is refused with `TOO_MANY_QUEUED`.',
        example: 1_000,
      }),
      scope: scope.exactOptional(),
    },
    'the body must be a JSON object',
  )
  .refine(
    ({ concurrency, rate, max_queued: max }) =>
      concurrency !== undefined || rate !== undefined || max !== undefined,
    { message: 'a limit needs concurrency, a rate or max_queued' },
  )
  .meta({
    description: 'At least one of `concurrency`, `rate` and `max_queued`.',
    example: { concurrency: 10, rate: { limit: 100, per: '1m' } },
  })

const rateShape = z
  .strictObject({ limit: z.int(), per: z.number().meta({ description: 'Seconds.' }) })
  .nullable()

const definition = {
  concurrency: z.int().nullable(),
  rate: rateShape,
  scope: z.enum(['global', 'node']),
}

const limitExample = {
  name: 'mail-api',
  concurrency: 10,
  rate: { limit: 100, per: 60 },
  max_queued: 1_000,
  scope: 'global',
  origin: 'api',
  running: 12,
  buckets: 3,
  blocked: 1,
}

export const LimitBody = z
  .strictObject({
    name: limitNameValue,
    ...definition,
    max_queued: z
      .int()
      .nullable()
      .meta({ description: 'Maximum number of tasks of a key that wait; null for no maximum.' }),
    origin: z.string().meta({ description: 'The type that declares it, or `api` if somebody has set it.' }),
    running: z.int().meta({ description: 'Tasks that hold its slots now.' }),
    buckets: z.int().meta({ description: 'Keys in use or waited for. Counted up to 10,000.' }),
    blocked: z.int().meta({ description: 'Keys for which tasks wait. Counted up to 10,000.' }),
  })
  .meta({ description: 'A limit, with what is in use.', example: limitExample })

export const LimitsBody = z
  .strictObject({ limits: z.array(LimitBody), next_cursor: z.null() })
  .meta({ description: 'All limits, by name.', example: { limits: [limitExample], next_cursor: null } })

export const BucketsQuery = z.strictObject({
  blocked: z
    .enum(['true', 'false'], 'must be true or false')
    .exactOptional()
    .meta({ description: 'Only keys for which tasks wait.', example: 'true' }),
  key: z
    .string()
    .max(limitBounds.keyLength)
    .exactOptional()
    .meta({ description: 'Only this key.', example: 'acme' }),
  limit: queryWhole(1, 1_000).default(100).meta({ description: 'Maximum number of keys.', example: 100 }),
  cursor: z
    .string()
    .max(limitBounds.keyLength)
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before.', example: 'acme' }),
})

const bucketExample = { key: 'acme', running: 10, queued: 42, next_start_at: null }

const BucketBody = z.strictObject({
  key: z.string(),
  running: z.int().meta({ description: 'Tasks that hold its slots now.' }),
  queued: z
    .int()
    .meta({ description: 'Queued tasks, as the latest claim found them. Counted up to 10,000.' }),
  next_start_at: time('When the rate allows the next start; null if it does now.').nullable(),
})

export const BucketsBody = z
  .strictObject({ buckets: z.array(BucketBody), next_cursor: z.string().nullable() })
  .meta({
    description: 'Keys of a limit that are in use or waited for, by key.',
    example: { buckets: [bucketExample], next_cursor: null },
  })

export const BucketStateBody = z
  .strictObject({
    name: limitNameValue,
    key: z.string(),
    ...definition,
    running: z.int(),
    holders: z.array(taskId).meta({ description: 'Some of the tasks that hold its slots, at most ten.' }),
    next_start_at: time('When the rate allows the next start; null if it does now.').nullable(),
    ahead: z
      .int()
      .meta({ description: 'Tasks of the same key that were queued before. Counted up to 10,000.' }),
  })
  .meta({
    description: 'What holds a task back, or not.',
    example: {
      name: 'mail-api',
      key: 'acme',
      concurrency: 1,
      rate: null,
      scope: 'global',
      running: 1,
      holders: ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31'],
      next_start_at: null,
      ahead: 4,
    },
  })

export const limitsOption = z
  .record(limitNameValue, z.string().max(limitBounds.keyLength))
  .refine(
    (limits) => Object.keys(limits).length <= limitBounds.perTask,
    `must be at most ${limitBounds.perTask} limits`,
  )
  .exactOptional()
  .meta({
    description:
      'Limits under which the task starts, each with the key of its bucket. For a limit of the type, in place of the key that it computes from the parameters. At most eight, with those of the type.',
    example: { 'mail-api': 'acme' },
  })

export const fairnessOption = z.string().min(1).max(limitBounds.keyLength).exactOptional().meta({
  description:
    'Within a priority, tasks with different keys take turns. In place of the key that the type computes from the parameters.',
  example: 'acme',
})

export function rateBody(rate: StartRate | null) {
  return rate === null ? null : { limit: rate.limit, per: rate.per / 1_000 }
}

export function limitBody({
  limit: { name, concurrency, rate, maxQueued, scope: counted, origin },
  running,
  buckets,
  blocked,
}: Readonly<{ limit: Limit; running: number; buckets: number; blocked: number }>) {
  const bounds = { concurrency, rate: rateBody(rate), max_queued: maxQueued ?? null, scope: counted }
  return { name, ...bounds, origin, running, buckets, blocked }
}
