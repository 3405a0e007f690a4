import { z } from 'zod'
import { controls, statuses } from '../core/task.ts'
import { seconds, taskId, time, typeName } from './values.ts'

/**
 * What the server answers: snake_case, times in Unix seconds, durations in seconds. Each shape lists every field that it
 * can have; clients must bear with new ones.
 */

const json = (description: string, example: unknown) => z.unknown().meta({ description, example })

export const Status = z
  .enum(statuses)
  .meta({ description: 'Where the task stands in its lifecycle.', example: 'running' })

export const Accepted = z.strictObject({ task_id: taskId, message: z.string(), status: Status }).meta({
  description: 'The task is stored and will run. On a replay of an idempotency key it is the task of then.',
  example: {
    task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
    message: 'Task of type add was submitted.',
    status: 'queued',
  },
})

export const ControlAnswer = z.strictObject({ message: z.string(), task_id: taskId, status: Status }).meta({
  description: 'The control was accepted; `status` is what the engine had made of it when it answered.',
  example: {
    message: 'Task is paused.',
    task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
    status: 'paused',
  },
})

export const TaskErrorBody = z
  .strictObject({ code: z.string(), name: z.string(), message: z.string() })
  .meta({
    description: 'Why a task failed.',
    example: { code: 'TIMEOUT', name: 'TaskTimeout', message: 'Too slow.' },
  })

export const AttemptErrorBody = TaskErrorBody.extend({
  stack: z.string().nullable().meta({
    description:
      'Stack traces of the error and its causes, at most 8,192 characters. Kept for the newest failed attempt until the task is retried or completes; null for others, and when the error has none.',
  }),
}).meta({
  description: 'Why an attempt failed.',
  example: {
    code: 'ERROR',
    name: 'TypeError',
    message: 'Not a picture.',
    stack: 'TypeError: Not a picture.\n    at run (file:///srv/tasks/resize.ts:12:11)',
  },
})

export const ProgressBody = z
  .strictObject({
    current: z.number(),
    total: z.number().nullable(),
    message: z.string().nullable(),
    ratio: z.number().nullable().meta({ description: '0 to 1; null without a total.' }),
    rate: z.number().nullable().meta({ description: 'Units a second, smoothed; null until known.' }),
    eta_seconds: z.number().nullable().meta({ description: 'Until `total` at this rate, while it runs.' }),
  })
  .meta({
    description: 'What the handler last reported.',
    example: {
      current: 3,
      total: 20,
      message: 'Working on step 4 of 20',
      ratio: 0.15,
      rate: 2,
      eta_seconds: 8.5,
    },
  })

export const EndedBy = z.enum(['cooperative', 'terminated', 'killed', 'abandoned']).meta({
  description: 'How the code of a task that did not end by itself was ended.',
})

const statusFields = {
  task_id: taskId,
  task_type: typeName,
  status: Status,
  created_at: time('When it was submitted.'),
  started_at: time('When it first ran.').nullable(),
  completed_at: time('When it ended.').nullable(),
  progress: ProgressBody.nullable(),
  parameters: json('As they were submitted.', { a: 2, b: 3 }),
  priority: z.int(),
  attempt: z.int().meta({ description: '0 until it first runs.' }),
  max_attempts: z.int(),
  run_at: time('Not before this time.').nullable(),
  tags: z.array(z.string()),
  version: z.int().meta({ description: 'Rises by one with every transition.' }),
  execution_time: seconds('Active time so far, without pauses.'),
  queue_time: seconds('Time spent queued.'),
  paused_time: seconds('Time spent paused.'),
  error: TaskErrorBody.nullable().meta({ description: 'Of the last attempt that failed.' }),
  ended_by: EndedBy.nullable(),
}

const statusExample = {
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  task_type: 'add',
  status: 'completed',
  created_at: 1_764_000_000.125,
  started_at: 1_764_000_000.128,
  completed_at: 1_764_000_000.13,
  progress: { current: 2, total: 2, message: 'Added', ratio: 1, rate: null, eta_seconds: null },
  parameters: { a: 2, b: 3 },
  priority: 0,
  attempt: 1,
  max_attempts: 1,
  run_at: null,
  tags: [],
  version: 3,
  execution_time: 0.002,
  queue_time: 0.003,
  paused_time: 0,
  error: null,
  ended_by: null,
}

export const StatusBody = z
  .strictObject(statusFields)
  .meta({ description: 'A task as it stands.', example: statusExample })

export const ResultBody = z
  .strictObject({
    ...statusFields,
    result: json('What the handler returned; null unless the task completed.', 5),
  })
  .meta({ description: 'A task that has ended.', example: { ...statusExample, result: 5 } })

export const AttemptBody = z
  .strictObject({
    attempt: z.int(),
    started_at: time('Its first claim; null when that line of the timeline is no longer kept.').nullable(),
    ended_at: time('Null while it is open.').nullable(),
    move: z.string().nullable().meta({ description: 'The transition that ended it.' }),
    status: Status.nullable().meta({ description: 'Of the task after it.' }),
    error: AttemptErrorBody.nullable(),
    ended_by: EndedBy.nullable(),
  })
  .meta({ description: 'One run of the handler; a pause and its resume stay within one attempt.' })

export const TimelineBody = z
  .strictObject({
    version: z.int(),
    at: time('When it happened.'),
    move: z.string().meta({ description: 'Name of the transition.', example: 'claim' }),
    status: Status,
    attempt: z.int(),
    by: z.string().meta({ description: 'Who did it: a boot of a node, `api`, `promoter` or `reaper`.' }),
    why: z.string().optional(),
    error: TaskErrorBody.optional(),
    ended_by: EndedBy.optional(),
  })
  .meta({ description: 'One transition of a task.' })

export const LogBody = z
  .strictObject({
    lines: z
      .array(
        z.strictObject({
          number: z.int().meta({ description: 'Of the line in the log of the task, from 1.' }),
          at: time('When it was logged.'),
          attempt: z.int(),
          message: z.string(),
        }),
      )
      .meta({ description: 'The oldest first.' }),
    next_after: z
      .int()
      .nullable()
      .meta({ description: '`after` for the lines behind these; null when these are the newest.' }),
  })
  .meta({
    description: 'Lines that the task has logged.',
    example: {
      lines: [{ number: 1, at: 1_764_000_000.5, attempt: 1, message: 'reading a.csv' }],
      next_after: null,
    },
  })

const firstLine = {
  version: 1,
  at: 1_764_000_000.125,
  move: 'submit',
  status: 'queued',
  attempt: 0,
  by: 'api',
}

export const DetailsBody = z
  .strictObject({
    ...ResultBody.shape,
    result: json('What the handler returned; null until the task completed.', 5),
    checkpoint: json('Where the handler would go on from; null without one.', null),
    timeout: seconds('Active time that an attempt may take.').nullable(),
    backoff: z.strictObject({
      base: seconds('First delay.'),
      factor: z.number(),
      max: seconds('Longest delay.'),
      jitter: z.number(),
    }),
    failures: z.int().meta({ description: 'Attempts that failed.' }),
    crashes: z.int().meta({ description: 'Losses of its node since the last checkpoint.' }),
    fence: z.int().meta({ description: 'Rises with every claim; only the newest run may write.' }),
    idempotency_key: z.string().nullable(),
    controls: z.array(z.enum(controls)).meta({ description: 'What the task accepts now.' }),
    attempts: z.array(AttemptBody),
    timeline: z.array(TimelineBody).meta({ description: 'The first transition, and the newest ones.' }),
  })
  .meta({
    description: 'Everything about a task.',
    example: {
      ...statusExample,
      result: 5,
      checkpoint: null,
      timeout: null,
      backoff: { base: 1, factor: 2, max: 3_600, jitter: 0.2 },
      failures: 0,
      crashes: 0,
      fence: 1,
      idempotency_key: null,
      controls: [],
      attempts: [
        {
          attempt: 1,
          started_at: 1_764_000_000.128,
          ended_at: 1_764_000_000.13,
          move: 'complete',
          status: 'completed',
          error: null,
          ended_by: null,
        },
      ],
      timeline: [firstLine],
    },
  })

const typeExample = {
  type: 'add',
  description: 'Add two numbers.',
  parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
  example: { a: 2, b: 3 },
  runs: 'inline',
  concurrency: null,
  max_attempts: 1,
  timeout: null,
  held: false,
}

export const TypeBody = z
  .strictObject({
    type: typeName,
    description: z.string(),
    parameters: z.record(z.string(), z.unknown()).meta({ description: 'JSON schema of the parameters.' }),
    example: json('Valid parameters; null without an example.', { a: 2, b: 3 }),
    runs: z.string().meta({ description: 'Where its handler runs.' }),
    concurrency: z.int().nullable().meta({ description: 'At most so many at once.' }),
    max_attempts: z.int(),
    timeout: seconds('Active time that an attempt may take.').nullable(),
    held: z.boolean().meta({ description: 'Nothing of it starts, until its hold is lifted.' }),
  })
  .meta({ description: 'A task type.', example: typeExample })

export const TypesBody = z
  .strictObject({ available_tasks: z.array(typeName), task_details: z.record(z.string(), TypeBody) })
  .meta({
    description: 'The task types of this server.',
    example: { available_tasks: ['add'], task_details: { add: typeExample } },
  })

export const IndexBody = z
  .strictObject({
    name: z.string(),
    version: z.string(),
    description: z.string(),
    links: z
      .record(z.string(), z.string())
      .meta({ description: 'Addresses, with their parameters in braces.' }),
  })
  .meta({
    description: 'Where to find what.',
    example: { name: 'Fermata', version: '0.1.0', description: 'Task manager', links: { docs: '/docs' } },
  })

export const HealthBody = z
  .strictObject({ status: z.enum(['ok', 'ready']) })
  .meta({ description: 'The server is well.', example: { status: 'ok' } })

export const ProblemBody = z
  .strictObject({
    type: z.string().meta({ description: 'A URI for the kind of problem.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What went wrong, as a sentence.' }),
    code: z.string().meta({ description: 'Stable; programs decide by it.' }),
    request_id: z.string().meta({ description: 'The `X-Request-ID` of the answer; the log has it too.' }),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'What is not valid, and where.' }),
    task_id: taskId.optional(),
    task_ids: z.array(taskId).optional().meta({
      description: 'Ids that the part of an id may mean: the first ten.',
    }),
    outcome_unknown: z.boolean().optional().meta({
      description:
        'True when the store failed while it committed: whether this was recorded is not known, so look, or send it again under the same idempotency key.',
    }),
    task_status: Status.optional().meta({ description: 'The status that refused a control.' }),
  })
  .meta({ description: 'RFC 9457 problem details.' })
