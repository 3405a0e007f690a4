import { z } from 'zod'
import { reasonLength } from '../core/caller.ts'
import { conflictActions, uniqueSpans } from '../core/unique-options.ts'
import { predecessorLimits } from '../core/dependency.ts'
import { failurePolicies } from '../core/task.ts'
import { webhookBounds } from '../core/webhook.ts'
import { fairnessOption, limitsOption } from './limits.ts'
import { duration, label, queryNumber, queryWhole, taskId, typeName } from './values.ts'

/**
 * Requests: bodies, queries, headers and path parameters. Bodies and queries are strict, so misspelt options are refused
 * instead of ignored.
 */

const backoffOptions = z.strictObject({
  base: duration('Delay before the second attempt.', 1).exactOptional(),
  factor: z
    .number()
    .min(1)
    .max(100)
    .exactOptional()
    .meta({ description: 'Factor from one delay to the next.' }),
  max: duration('Maximum delay.', '1h').exactOptional(),
  jitter: z.number().min(0).max(1).exactOptional().meta({ description: 'Random fraction of each delay.' }),
})

const twoStarts = { path: ['delay'], message: 'cannot be combined with run_at' }

function hasOneStart(body: { delay?: unknown; run_at?: unknown }): boolean {
  return body.delay === undefined || body.run_at === undefined
}

export const priorityOption = z.int().min(-1_000).max(1_000).exactOptional().meta({
  description: 'Tasks with a higher priority start first. Default 0.',
  example: 5,
})
export const expiresOption = duration(
  'Cancel the task if it has not started within this time of its submit; a pause stops the clock. Default: as defined by the type.',
  '1h',
  0.001,
).exactOptional()
export const timeoutOption = duration(
  'Maximum active time per attempt; a pause stops the clock.',
  '10m',
  0.001,
).exactOptional()
export const attemptsOption = z.int().min(1).max(10_000).exactOptional().meta({
  description: 'Attempts before a failure is final; 1 means no retries. Default: as defined by the type.',
  example: 3,
})
export const backoffOption = z
  .union([duration('Delay before the second attempt.', 1), backoffOptions])
  .exactOptional()
  .meta({
    description: 'Delay before the second attempt, or the full policy. Default: as defined by the type.',
    example: { base: 1, factor: 2, max: '1h', jitter: 0.2 },
  })
export const callbackOption = z.string().min(1).max(webhookBounds.url).exactOptional().meta({
  description:
    'Told of the end of the task, as a webhook is: `https://` or `http://`, without a password. Sent at least once.',
  example: 'https://hooks.example/done',
})
export const tagsOption = z
  .array(label(200))
  .max(50)
  .exactOptional()
  .meta({
    description: 'Labels for finding the task.',
    example: ['nightly'],
  })

export const uniqueOption = z
  .strictObject({
    key: label(255).meta({ description: 'At most one task of the type has this key at a time.' }),
    while: z.enum(uniqueSpans).default('unfinished').meta({
      description:
        'How long a task keeps its key: until its first start (`queued`), or until its end (`unfinished`), paused or not.',
    }),
    for: duration(
      'The key is free after this time in any case. Default: no limit.',
      '1h',
      0.001,
    ).exactOptional(),
    on_conflict: z.enum(conflictActions).default('return').meta({
      description:
        'If another task has the key: return that task, cancel it and take its place (`replace`), or reject the request. A task that has started cannot be replaced: the request is rejected.',
    }),
  })
  .exactOptional()
  .meta({
    description:
      'A key that at most one task of the type has at a time. Default: as defined by the type. A request that leads to an existing task gets its id and `"existing": true`.',
    example: { key: 'customer-42', while: 'unfinished', on_conflict: 'return' },
  })

export const debounceOption = z
  .strictObject({
    key: label(255).meta({ description: 'Submits with the same key lead to one task until it starts.' }),
    delay: duration('Start after this time without another submit.', '10s', 0.001),
    max: duration('Maximum time from the first submit. Default: no limit.', '1m', 0.001).exactOptional(),
  })
  .exactOptional()
  .meta({
    description:
      'Wait for more submits with the same key: each gives the task its parameters, and starts the delay again. The other options are those of the first submit. Cannot be combined with `unique`, `delay` or `run_at`. A request that leads to an existing task gets its id and `"existing": true`.',
    example: { key: 'customer-42', delay: '10s', max: '1m' },
  })

const runFields = {
  parameters: z.record(z.string(), z.unknown(), 'must be an object').meta({
    description: 'Parameters of the type; see its JSON schema. At most 1 MiB.',
    example: { a: 2, b: 3 },
  }),
  priority: priorityOption,
  delay: duration('Start after this delay. Cannot be combined with `run_at`.', 60).exactOptional(),
  run_at: z.number().min(0).max(253_402_300_799).exactOptional().meta({
    description: 'Start at or after this time. Unix seconds. Cannot be combined with `delay`.',
    example: 1_764_000_000,
  }),
  expires_in: expiresOption,
  timeout: timeoutOption,
  max_attempts: attemptsOption,
  backoff: backoffOption,
  tags: tagsOption,
  limits: limitsOption,
  fairness_key: fairnessOption,
  callback_url: callbackOption,
  idempotency_key: label(255).exactOptional().meta({
    description:
      'Repeating a request with the same key returns the original task; a different request with the same key is refused. Same as the header `Idempotency-Key`.',
    example: 'order-4711',
  }),
  unique: uniqueOption,
  after: z
    .array(label(64))
    .max(predecessorLimits.ofTask)
    .exactOptional()
    .meta({
      description:
        'Ids of existing tasks: the task is `waiting` until all of them have completed. At most 10,000.',
      example: ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31'],
    }),
  on_failure: z.enum(failurePolicies).exactOptional().meta({
    description:
      'What happens if a task in `after` fails or is cancelled: `cancel` cancels the task, `fail` fails it with the code `PREDECESSOR_FAILED`, `run` starts it all the same. Default `cancel`.',
    example: 'run',
  }),
  debounce: debounceOption,
}

export const RunRequest = z
  .strictObject(runFields, 'the body must be a JSON object')
  .refine(hasOneStart, twoStarts)
  .meta({ description: 'Parameters and options of a task.', example: { parameters: { a: 2, b: 3 } } })

/** Maximum tasks per batch. */
export const batchLimit = 10_000

export const BatchRequest = z
  .strictObject(
    {
      tasks: z
        .array(z.strictObject(runFields, 'must be an object').refine(hasOneStart, twoStarts))
        .min(1)
        .max(batchLimit)
        .meta({ description: 'Each item has the form of the body of a single submit.' }),
    },
    'the body must be a JSON object',
  )
  .meta({
    description: 'Tasks of one type; either all of them are stored or none.',
    example: { tasks: [{ parameters: { a: 2, b: 3 } }, { parameters: { a: 4, b: 5 }, priority: 5 }] },
  })

/** Not strict: clients of the reference service may send anything. */
export const EndQuery = z.object({
  wait: queryNumber(0, 60).default(0).meta({
    description: 'Maximum seconds to wait for the task to finish. Default 0.',
    example: 5,
  }),
})

export const TagHeaders = z.object({
  'if-none-match': z.string().exactOptional().meta({
    description: 'Entity tags you know: returns 304 without a body if one of them is current.',
  }),
})

/** Why a caller makes a change. */
export const reason = label(reasonLength).meta({
  description: 'Why, for the timeline. At most 500 characters.',
  example: 'wrong input file',
})

/** For changes without a timeline entry. */
export const auditReason = reason.meta({
  description: 'Why, for the audit log. At most 500 characters.',
  example: 'out of disk space',
})

export const ReasonQuery = z.strictObject({ reason: auditReason.exactOptional() })

export const WaitQuery = z.strictObject({
  reason: reason.exactOptional(),
  wait: queryNumber(0, 60).default(2).meta({
    description: 'Maximum seconds to wait for the control to take effect. Default 2.',
    example: 2,
  }),
})

export const RetryQuery = z.strictObject({
  ...WaitQuery.shape,
  from: z.enum(['checkpoint', 'start']).default('checkpoint').meta({
    description: 'Where the new attempt starts: from the last checkpoint or from the beginning.',
    example: 'checkpoint',
  }),
})

export const LogQuery = z.strictObject({
  after: queryWhole(0, 999_999_999).default(0).meta({
    description: 'Only lines with a higher number.',
    example: 0,
  }),
  limit: queryWhole(1, 1_000)
    .default(1_000)
    .meta({ description: 'Maximum number of lines.', example: 1_000 }),
})

export const StepsQuery = z.strictObject({
  limit: queryWhole(1, 500).default(100).meta({
    description: 'Maximum number of steps. Fewer are returned if their results are large.',
    example: 100,
  }),
  cursor: z
    .string()
    .regex(/^\d{1,9}$/, 'must be the next_cursor of a page of steps')
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before.' }),
})

export const FamilyQuery = z.strictObject({
  limit: queryWhole(1, 1_000).default(100).meta({ description: 'Maximum number of children.', example: 100 }),
  cursor: z
    .string()
    .min(1)
    .max(200)
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before.' }),
})

export const TypeParams = z.object({ task_type: typeName })
export const TaskParams = z.object({
  task_id: taskId.meta({
    description:
      'Task id, or a unique beginning or ending of it with at least six hexadecimal digits, like `fbfcf38e` or `...fbfcf38e`.',
  }),
})

/** The spans of a history. */
export const spans = ['1h', '24h'] as const

export const HistoryQuery = z.strictObject({
  span: z
    .enum(spans, `must be ${spans.join(' or ')}`)
    .default('1h')
    .meta({
      description: 'The last hour, in steps of 10 seconds, or the last day, in steps of 5 minutes.',
      example: '1h',
    }),
  type: z.string().exactOptional().meta({
    description: 'Only tasks of this type, with how long they took; in steps of 5 minutes.',
    example: 'add',
  }),
})

export const TraceHeaders = z.object({
  traceparent: z.string().exactOptional().meta({
    description:
      'The W3C trace context of the submit, stored with the task and passed on to its handler. Ignored if it is invalid.',
    example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  }),
  tracestate: z.string().exactOptional().meta({
    description: 'Goes with `traceparent`. At most 512 characters.',
  }),
})

export const RunHeaders = z.object({
  ...TraceHeaders.shape,
  'idempotency-key': label(255).exactOptional().meta({
    description: 'Same as `idempotency_key` in the body.',
  }),
  prefer: z.string().exactOptional().meta({
    description:
      '`wait=N`: return the result if the task finishes within N seconds, at most 60. `respond-async`: return 202 if it does not.',
  }),
})

export const ResultHeaders = z.object({ ...TagHeaders.shape, prefer: RunHeaders.shape.prefer })

export const EventHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(/^\d{1,15}$/, 'must be an event id: a task version')
    .exactOptional()
    .meta({
      description: 'Version of the last transition received; the stream continues after it.',
    }),
})
