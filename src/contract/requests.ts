import { z } from 'zod'
import { duration, label, queryNumber, queryWhole, taskId, typeName } from './values.ts'

/**
 * What callers send: bodies, queries, headers and the parameters of paths. Bodies and queries are strict, so that a misspelt
 * option is refused instead of ignored.
 */

const backoffOptions = z.strictObject({
  base: duration('Delay before the second attempt.', 1).exactOptional(),
  factor: z.number().min(1).max(100).exactOptional().meta({ description: 'Growth from delay to delay.' }),
  max: duration('Longest delay.', '1h').exactOptional(),
  jitter: z.number().min(0).max(1).exactOptional().meta({ description: 'Random share of a delay.' }),
})

const twoStarts = { path: ['delay'], message: 'cannot stand beside run_at: give one of them' }

function hasOneStart(body: { delay?: unknown; run_at?: unknown }): boolean {
  return body.delay === undefined || body.run_at === undefined
}

const runFields = {
  parameters: z.record(z.string(), z.unknown(), 'must be an object').meta({
    description: 'What the type asks for; see its JSON schema. At most 1 MiB.',
    example: { a: 2, b: 3 },
  }),
  priority: z.int().min(-1_000).max(1_000).exactOptional().meta({
    description: 'Tasks of higher priority start first. Default 0.',
    example: 5,
  }),
  delay: duration('Not before so long from now. Excludes `run_at`.', 60).exactOptional(),
  run_at: z.number().min(0).max(253_402_300_799).exactOptional().meta({
    description: 'Not before this time. Unix seconds. Excludes `delay`.',
    example: 1_764_000_000,
  }),
  timeout: duration(
    'Active time that each attempt may take; a pause stops the clock.',
    '10m',
    0.001,
  ).exactOptional(),
  max_attempts: z.int().min(1).max(10_000).exactOptional().meta({
    description: 'Runs before a failure is final; 1 is without retries. Default: as the type says.',
    example: 3,
  }),
  backoff: z
    .union([duration('Delay before the second attempt.', 1), backoffOptions])
    .exactOptional()
    .meta({
      description: 'Delay before the second attempt, or the whole policy. Default: as the type says.',
      example: { base: 1, factor: 2, max: '1h', jitter: 0.2 },
    }),
  tags: z
    .array(label(200))
    .max(50)
    .exactOptional()
    .meta({
      description: 'Labels to find the task by.',
      example: ['nightly'],
    }),
  idempotency_key: label(255).exactOptional().meta({
    description:
      'The same key with the same request answers the task that it made before; with another request it is refused. The header `Idempotency-Key` means the same.',
    example: 'order-4711',
  }),
}

export const RunRequest = z
  .strictObject(runFields, 'the body must be a JSON object')
  .refine(hasOneStart, twoStarts)
  .meta({ description: 'What to run, and how.', example: { parameters: { a: 2, b: 3 } } })

/** Tasks in one batch. */
export const batchLimit = 10_000

export const BatchRequest = z
  .strictObject(
    {
      tasks: z
        .array(z.strictObject(runFields, 'must be an object').refine(hasOneStart, twoStarts))
        .min(1)
        .max(batchLimit)
        .meta({ description: 'Each as the body of a single run.' }),
    },
    'the body must be a JSON object',
  )
  .meta({
    description: 'Tasks of one type; all of them are stored, or none.',
    example: { tasks: [{ parameters: { a: 2, b: 3 } }, { parameters: { a: 4, b: 5 }, priority: 5 }] },
  })

/** Not strict: the clients of the reference may send what they like. */
export const EndQuery = z.object({
  wait: queryNumber(0, 60).default(0).meta({
    description: 'Seconds to wait at most for the end of the task. Default 0.',
    example: 5,
  }),
})

export const TagHeaders = z.object({
  'if-none-match': z.string().exactOptional().meta({
    description: 'Entity tags that are known: answers 304 without a body when one of them still stands.',
  }),
})

export const WaitQuery = z.strictObject({
  wait: queryNumber(0, 60).default(2).meta({
    description: 'Seconds to wait at most until the engine has acted on the control. Default 2.',
    example: 2,
  }),
})

export const RetryQuery = z.strictObject({
  ...WaitQuery.shape,
  from: z.enum(['checkpoint', 'start']).default('checkpoint').meta({
    description: 'Where the new attempt begins: at the last checkpoint, or at the start.',
    example: 'checkpoint',
  }),
})

export const LogQuery = z.strictObject({
  after: queryWhole(0, 999_999_999).default(0).meta({
    description: 'Lines with a higher number only.',
    example: 0,
  }),
  limit: queryWhole(1, 1_000).default(1_000).meta({ description: 'At most so many lines.', example: 1_000 }),
})

export const TypeParams = z.object({ task_type: typeName })
export const TaskParams = z.object({
  task_id: taskId.meta({
    description:
      'Id of a task, or a part that only this id begins or ends with: at least six hexadecimal digits, like the `fbfcf38e` of `...fbfcf38e`.',
  }),
})

/** How far back a history goes. */
export const spans = ['1h', '24h'] as const

export const HistoryQuery = z.strictObject({
  span: z
    .enum(spans, `must be ${spans.join(' or ')}`)
    .default('1h')
    .meta({
      description: 'The last hour, in steps of 10 seconds, or the last day, in steps of 5 minutes.',
      example: '1h',
    }),
})

export const RunHeaders = z.object({
  'idempotency-key': label(255).exactOptional().meta({
    description: 'The same as `idempotency_key` in the body.',
  }),
  prefer: z.string().exactOptional().meta({
    description:
      '`wait=N`: answer with the result if it is there within N seconds, at most 60. `respond-async`: answer 202 unless it is.',
  }),
})

export const ResultHeaders = z.object({ ...TagHeaders.shape, prefer: RunHeaders.shape.prefer })

export const EventHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(/^\d{1,15}$/, 'must be the id of an event: a version')
    .exactOptional()
    .meta({
      description: 'Version of the last transition that was received; the stream goes on after it.',
    }),
})
