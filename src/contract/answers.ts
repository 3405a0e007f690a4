import { z } from 'zod'
import { controls, statuses } from '../core/task.ts'
import { conflictActions, uniqueSpans } from '../core/unique-options.ts'
import { seconds, taskId, time, typeName } from './values.ts'

/**
 * Response bodies: snake_case, times in Unix seconds, durations in seconds. Each shape lists all fields it can have; clients
 * must accept additional ones.
 */

const json = (description: string, example: unknown) => z.unknown().meta({ description, example })

export const Status = z
  .enum(statuses)
  .meta({ description: 'The state of the task in its lifecycle.', example: 'running' })

export const existing = z.literal(true).exactOptional().meta({
  description: 'The task was there already: it has the unique key or the debounce key of this request.',
})

export const Accepted = z
  .strictObject({ task_id: taskId, message: z.string(), status: Status, existing })
  .meta({
    description:
      'The task is stored and will run. If the idempotency key was used before, this is the original task.',
    example: {
      task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
      message: 'Task of type add submitted.',
      status: 'queued',
    },
  })

export const ControlAnswer = z.strictObject({ message: z.string(), task_id: taskId, status: Status }).meta({
  description: 'The control was accepted. `status` is the status of the task when the response was sent.',
  example: {
    message: 'Request to pause accepted: the task is paused.',
    task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
    status: 'paused',
  },
})

export const TaskErrorBody = z
  .strictObject({
    code: z.string(),
    name: z.string(),
    message: z.string(),
    fingerprint: z.string().exactOptional().meta({
      description:
        'Stands for the cause: failures with the same fingerprint differ only in ids, numbers, times and paths. A filter of lists and bulk operations. Errors in a timeline have none.',
    }),
  })
  .meta({
    description: 'Why a task failed.',
    example: {
      code: 'TIMEOUT',
      name: 'TaskTimeout',
      message: 'Too slow.',
      fingerprint: '8f3a1c0de5b72946',
    },
  })

export const AttemptErrorBody = TaskErrorBody.omit({ fingerprint: true })
  .extend({
    stack: z.string().nullable().meta({
      description:
        'Stack traces of the error and its causes, at most 8,192 characters. Kept for the newest failed attempt until the task is retried or completes; null for others, and when the error has none.',
    }),
  })
  .meta({
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
    ratio: z.number().nullable().meta({ description: 'From 0 to 1; null without a total.' }),
    rate: z.number().nullable().meta({ description: 'Units per second, smoothed; null until known.' }),
    eta_seconds: z
      .number()
      .nullable()
      .meta({ description: 'Time until `total` at this rate; null unless the task is running.' }),
  })
  .meta({
    description: 'The latest progress reported by the handler.',
    example: {
      current: 3,
      total: 20,
      message: 'Working on step 4 of 20',
      ratio: 0.15,
      rate: 2,
      eta_seconds: 8.5,
    },
  })

export const EndedBy = z.enum(['cooperative', 'terminated', 'killed', 'abandoned', 'expired']).meta({
  description:
    'How the code of the task was stopped, if it did not end on its own: `cooperative`, it obeyed its signal; `terminated`, its thread was terminated; `killed`, its process was killed; `abandoned`, it did not stop and is fenced off. `expired`: the task did not start in time, so it was cancelled.',
})

const statusFields = {
  task_id: taskId,
  task_type: typeName,
  status: Status,
  created_at: time('Time of submission.'),
  created_by: z.string().meta({
    description: 'The name of the caller that submitted the task; of a child, that of its parent.',
  }),
  parent_id: z
    .string()
    .nullable()
    .meta({ description: 'The task that started this one as its child; null if none did.' }),
  started_at: time('Time of the first start.').nullable(),
  completed_at: time('Time of the end.').nullable(),
  progress: ProgressBody.nullable(),
  parameters: json(
    'The parameters as submitted, with `[redacted]` for sensitive values unless the key has the scope `admin`.',
    { a: 2, b: 3 },
  ),
  priority: z.int(),
  attempt: z.int().meta({ description: '0 until the task first starts.' }),
  max_attempts: z.int(),
  run_at: time('The task does not start before this time.').nullable(),
  expires_at: time(
    'The task is cancelled if it has not started by this time. Null if it may wait, while it is paused, and once it has started.',
  ).nullable(),
  tags: z.array(z.string()),
  version: z.int().meta({ description: 'Incremented with every transition.' }),
  execution_time: seconds('Active time so far, excluding pauses.'),
  queue_time: seconds('Time spent queued.'),
  paused_time: seconds('Time spent paused.'),
  error: TaskErrorBody.nullable().meta({ description: 'The error of the last failed attempt.' }),
  ended_by: EndedBy.nullable(),
  schedule_id: z.string().nullable().meta({ description: 'The schedule that submitted the task.' }),
  tick_at: time('The tick of the schedule, or the time of a run by hand.').nullable(),
  waiting_for: z
    .strictObject({
      tasks: z.int().meta({ description: 'Number of tasks that have not ended yet.' }),
      waits: z
        .array(z.string())
        .meta({ description: 'Names of the waits that need an answer, the first ten.' }),
      children: z
        .int()
        .optional()
        .meta({ description: 'Number of its children that had not ended when it began to wait for them.' }),
      until: time('When its sleep ends, or the first of its waits times out.').optional(),
    })
    .nullable()
    .meta({
      description: 'What the task waits for, also while it is paused; null if it waits for nothing.',
      example: { tasks: 2, waits: [] },
    }),
  limits: z
    .record(z.string(), z.string())
    .meta({ description: 'The limits under which the task starts, each with the key of its bucket.' }),
  fairness_key: z.string().nullable().meta({ description: 'Tasks with different keys take turns.' }),
}

const statusExample = {
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  task_type: 'add',
  status: 'completed',
  created_at: 1_764_000_000.125,
  created_by: 'anonymous',
  parent_id: null,
  started_at: 1_764_000_000.128,
  completed_at: 1_764_000_000.13,
  progress: { current: 2, total: 2, message: 'Added', ratio: 1, rate: null, eta_seconds: null },
  parameters: { a: 2, b: 3 },
  priority: 0,
  attempt: 1,
  max_attempts: 1,
  run_at: null,
  expires_at: null,
  tags: [],
  version: 3,
  execution_time: 0.002,
  queue_time: 0.003,
  paused_time: 0,
  error: null,
  ended_by: null,
  schedule_id: null,
  tick_at: null,
  waiting_for: null,
  limits: {},
  fairness_key: null,
}

export const StatusBody = z
  .strictObject(statusFields)
  .meta({ description: 'A task.', example: statusExample })

export const ResultBody = z
  .strictObject({
    ...statusFields,
    result: json('What the handler returned; null unless the task is completed.', 5),
  })
  .meta({ description: 'A finished task.', example: { ...statusExample, result: 5 } })

export const AttemptBody = z
  .strictObject({
    attempt: z.int(),
    started_at: time('Time of its first claim; null if that timeline entry is no longer kept.').nullable(),
    ended_at: time('Time of its end; null while it is open.').nullable(),
    event: z.string().nullable().meta({ description: 'The event that ended the attempt.' }),
    status: Status.nullable().meta({ description: 'The status of the task after the attempt.' }),
    error: AttemptErrorBody.nullable(),
    ended_by: EndedBy.nullable(),
  })
  .meta({ description: 'One run of the handler. Pausing and resuming stays within one attempt.' })

export const TimelineBody = z
  .strictObject({
    version: z.int(),
    at: time('Time of the transition.'),
    event: z.string().meta({ description: 'The name of the event; see the lifecycle.', example: 'claimed' }),
    status: Status,
    attempt: z.int(),
    by: z.string().meta({
      description:
        'Who made the transition: the name of a caller, the id of a node, `promoter`, `releaser`, `expirer` or `reaper`. Without a key, a caller is `anonymous`; `library` is the program in which the engine runs.',
    }),
    why: z.string().optional().meta({ description: 'The reason given by the caller, or what happened.' }),
    error: TaskErrorBody.optional(),
    ended_by: EndedBy.optional(),
  })
  .meta({ description: 'One transition of a task.' })

export const StepBody = z
  .strictObject({
    name: z.string(),
    occurrence: z.int().meta({
      description: 'Which use of the name it is in a run of the task, starting at 1.',
    }),
    status: z.enum(['completed', 'failed']).meta({
      description: 'A completed step is not run again; a failed one is, if the task runs again.',
    }),
    attempts: z.int().meta({ description: 'How often its function was called.' }),
    started_at: time('When its function was first called.'),
    finished_at: time('When it ended.'),
    result: z.unknown().meta({ description: 'Null unless it is completed.' }),
    error: TaskErrorBody.nullable().meta({ description: 'Null unless it has failed.' }),
  })
  .meta({ description: 'A step of a task.' })

export const StepsBody = z
  .strictObject({ steps: z.array(StepBody), next_cursor: z.string().nullable() })
  .meta({
    description: 'Steps, in the order in which they were first stored.',
    example: {
      steps: [
        {
          name: 'charge',
          occurrence: 1,
          status: 'completed',
          attempts: 1,
          started_at: 1_764_000_000.25,
          finished_at: 1_764_000_000.5,
          result: { charge_id: 'ch_42' },
          error: null,
        },
      ],
      next_cursor: null,
    },
  })

const relative = {
  task_id: taskId,
  task_type: typeName,
  status: Status,
}

const RelativeBody = z.strictObject(relative)

export const ChildBody = z
  .strictObject({
    ...relative,
    name: z.string().meta({ description: 'Under which its parent finds it again.' }),
    occurrence: z.int().meta({ description: 'Which use of the name it is in a run of the parent, from 1.' }),
    created_at: time('When it was started.'),
    completed_at: time('Time of the end.').nullable(),
  })
  .meta({ description: 'A task that was started by another one.' })

export const FamilyBody = z
  .strictObject({
    parent: RelativeBody.nullable().meta({
      description: 'Null if no task started it, or if it was deleted.',
    }),
    children: z.strictObject({
      total: z.int(),
      by_status: z
        .partialRecord(Status, z.int())
        .meta({ description: 'How many there are, by status; without statuses that none has.' }),
      tasks: z.array(ChildBody).meta({ description: 'One page, the oldest first.' }),
      next_cursor: z.string().nullable(),
    }),
    predecessors: z.array(RelativeBody).meta({ description: 'Tasks for which it waits, at most 100.' }),
    successors: z.array(RelativeBody).meta({ description: 'Tasks that wait for it, at most 100.' }),
  })
  .meta({
    description: 'The tasks to which a task is related.',
    example: {
      parent: null,
      children: {
        total: 1,
        by_status: { running: 1 },
        tasks: [
          {
            task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c32',
            task_type: 'add',
            status: 'running',
            name: 'add',
            occurrence: 1,
            created_at: 1_764_000_000.25,
            completed_at: null,
          },
        ],
        next_cursor: null,
      },
      predecessors: [],
      successors: [],
    },
  })

export const LogBody = z
  .strictObject({
    lines: z
      .array(
        z.strictObject({
          number: z.int().meta({ description: 'Number of the line in the log of the task, starting at 1.' }),
          at: time('Time of the line.'),
          attempt: z.int(),
          message: z.string(),
        }),
      )
      .meta({ description: 'Oldest first.' }),
    next_after: z
      .int()
      .nullable()
      .meta({ description: 'The value of `after` for the next lines; null if these are the newest.' }),
  })
  .meta({
    description: 'Log lines of the task.',
    example: {
      lines: [{ number: 1, at: 1_764_000_000.5, attempt: 1, message: 'reading a.csv' }],
      next_after: null,
    },
  })

const firstLine = {
  version: 1,
  at: 1_764_000_000.125,
  event: 'submitted',
  status: 'queued',
  attempt: 0,
  by: 'anonymous',
}

export const DetailsBody = z
  .strictObject({
    ...ResultBody.shape,
    result: json('What the handler returned; null until the task is completed.', 5),
    checkpoint: json('The state from which the handler would continue; null without a checkpoint.', null),
    timeout: seconds('Maximum active time per attempt.').nullable(),
    backoff: z.strictObject({
      base: seconds('Delay before the second attempt.'),
      factor: z.number(),
      max: seconds('Maximum delay.'),
      jitter: z.number(),
    }),
    failures: z.int().meta({ description: 'Number of failed attempts.' }),
    preemptions: z
      .int()
      .meta({ description: 'How often the task was asked to make room for an urgent one.' }),
    crashes: z.int().meta({ description: 'Number of node crashes since the last checkpoint.' }),
    fence: z.int().meta({ description: 'Rises with every claim; only the latest run may write.' }),
    idempotency_key: z.string().nullable(),
    unique: z
      .strictObject({
        key: z.string(),
        while: z.enum(uniqueSpans),
        for: seconds('Time after which the key is free in any case.').nullable(),
        debounced: z
          .boolean()
          .meta({ description: 'Whether submits with the key give it newer parameters.' }),
      })
      .nullable()
      .meta({
        description:
          'The unique key that the task has had from its submit until its first start, or its end.',
      }),
    trace_id: z.string().nullable().meta({ description: 'The id of the trace to which the submit belongs.' }),
    controls: z.array(z.enum(controls)).meta({ description: 'The controls the task accepts now.' }),
    attempts: z.array(AttemptBody),
    timeline: z.array(TimelineBody).meta({ description: 'The first transition and the latest ones.' }),
  })
  .meta({
    description: 'All details of a task.',
    example: {
      ...statusExample,
      result: 5,
      checkpoint: null,
      timeout: null,
      backoff: { base: 1, factor: 2, max: 3_600, jitter: 0.2 },
      failures: 0,
      preemptions: 0,
      crashes: 0,
      fence: 1,
      idempotency_key: null,
      unique: null,
      trace_id: null,
      controls: [],
      attempts: [
        {
          attempt: 1,
          started_at: 1_764_000_000.128,
          ended_at: 1_764_000_000.13,
          event: 'completed',
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
  preemptible: false,
  max_queued: null,
  max_attempts: 1,
  timeout: null,
  expires_in: null,
  unique: null,
  held: false,
  sensitive: { parameters: [], checkpoint: [], result: [] },
  hold: null,
}

const pointers = z.array(z.string())

export const TypeBody = z
  .strictObject({
    type: typeName,
    description: z.string(),
    parameters: z.record(z.string(), z.unknown()).meta({ description: 'JSON schema of the parameters.' }),
    example: json('Valid parameters; null without an example.', { a: 2, b: 3 }),
    runs: z.string().meta({
      description:
        'Where its handler runs: `inline`, `thread`, `process`, `command`, or `remote` for workers.',
    }),
    concurrency: z
      .int()
      .nullable()
      .meta({ description: 'Maximum number running at once, over all nodes; null without a limit.' }),
    preemptible: z
      .boolean()
      .meta({ description: 'Whether its tasks make room for urgent ones, of priority 100 or more.' }),
    max_queued: z.int().nullable().meta({
      description:
        'Maximum number that waits for a start, over all nodes; null without a maximum of its own.',
    }),
    max_attempts: z.int(),
    timeout: seconds('Maximum active time per attempt.').nullable(),
    expires_in: seconds('Its tasks are cancelled if they have not started within this time.').nullable(),
    unique: z
      .strictObject({
        while: z.enum(uniqueSpans),
        for: seconds('Time after which a key is free in any case.').nullable(),
        on_conflict: z.enum(conflictActions),
      })
      .nullable()
      .meta({
        description:
          'How its tasks are unique by a key that the type computes from the parameters; null if they are not.',
      }),
    held: z
      .boolean()
      .meta({ description: 'Whether the type is held: its tasks do not start until it is released.' }),
    sensitive: z.strictObject({ parameters: pointers, checkpoint: pointers, result: pointers }).meta({
      description:
        'JSON pointers to sensitive values, in which `*` stands for every item or member. `[redacted]` stands for each value unless the key has the scope `admin`.',
    }),
    hold: z
      .strictObject({
        since: time('Time of the hold.'),
        by: z.string().meta({
          description: 'The name of the caller that holds it; `startup` for `--start-held`.',
        }),
        reason: z.string().nullable().meta({ description: 'The reason that the caller gave.' }),
      })
      .nullable()
      .meta({ description: 'Who holds the type, since when and why; null if it is not held.' }),
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
      .meta({ description: 'URL templates, with parameters in braces.' }),
  })
  .meta({
    description: 'The index of the API.',
    example: { name: 'Fermata', version: '0.1.0', description: 'Task manager', links: { docs: '/docs' } },
  })

export const HealthBody = z
  .strictObject({ status: z.enum(['ok', 'ready']) })
  .meta({ description: 'The server is healthy.', example: { status: 'ok' } })

export const ProblemBody = z
  .strictObject({
    type: z.string().meta({ description: 'A URI that identifies the kind of problem.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What went wrong in this case.' }),
    code: z.string().meta({ description: 'A stable code; base program logic on it.' }),
    request_id: z
      .string()
      .meta({ description: 'The `X-Request-ID` of the response, also in the server log.' }),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'What is invalid, and where.' }),
    task_id: taskId.optional(),
    task_ids: z.array(taskId).optional().meta({
      description: 'The first ten ids that match the partial id.',
    }),
    outcome_unknown: z.boolean().optional().meta({
      description:
        'True if the database failed during the commit, so it is unknown whether this was recorded. Check, or send it again with the same idempotency key.',
    }),
    task_status: Status.optional().meta({ description: 'The status in which the task refused the control.' }),
  })
  .meta({ description: 'RFC 9457 problem details.' })
