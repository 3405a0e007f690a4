import { z } from 'zod'
import { stepLimits } from '../core/step.ts'
import { waitLimits } from '../core/wait.ts'
import { workerName } from '../core/worker.ts'
import { Status } from './answers.ts'
import { duration, longest, taskId, time, typeName } from './values.ts'

/** Requests and responses of remote workers. */

const worker = z
  .string()
  .regex(workerName, 'must have 1 to 100 letters, digits, "_", "-", ".", ":" or "@"')
  .meta({
    description:
      'Name of the worker, unique among the live ones: for example host name and process id. Timelines show it.',
    example: 'gpu-1:4711',
  })

const typeToRun = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/, 'must have 1 to 100 letters, digits, "_", "-", "." or ":"')
  .meta({ description: 'Name of a task type.', example: 'transcribe' })

const token = z.string().min(1).max(2_000).meta({
  description: 'Names one claim of one task. Anyone who has it can settle the task.',
  example: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0',
})

const checkpoint = z.unknown().meta({
  description:
    'JSON state from which a later run can continue, at most 1 MiB. Null or nothing stores none, and keeps the one before.',
  example: { second: 90 },
})

const stepName = z
  .string()
  .min(1)
  .max(stepLimits.name)
  .meta({ description: 'Name of a step, as the code gives it.', example: 'charge' })

const occurrence = z
  .int()
  .min(1)
  .max(1_000_000)
  .meta({ description: 'Which use of the name it is in a run, from 1.', example: 1 })

const failure = z.strictObject({
  code: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,100}$/, 'must have 1 to 100 letters, digits, "_", "-" or "."')
    .exactOptional(),
  message: z.string().max(100_000),
})

const StepRequest = z.strictObject({
  name: stepName,
  occurrence: occurrence.exactOptional(),
  attempts: z.int().min(1).max(1_000_000_000).exactOptional().meta({
    description: 'How often its code was called, in all runs. Default 1.',
  }),
  took: z
    .number()
    .min(0)
    .max(longest)
    .exactOptional()
    .meta({ description: 'How long it took. Seconds. Default 0.', example: 0.25 }),
  result: z
    .unknown()
    .exactOptional()
    .meta({ description: 'Any JSON value, at most 1 MiB. Default null.', example: { id: 'ch_42' } }),
  error: failure.exactOptional().meta({
    description: 'Why it failed. Then its result counts for nothing, and a later run calls it again.',
    example: { message: 'The card was declined.' },
  }),
})

const sleeps = z
  .strictObject({
    over: z.int().min(0).max(1_000_000_000).meta({
      description: 'How many sleeps were over before any in `left`.',
      example: 1,
    }),
    left: z
      .array(z.number().min(0).max(longest))
      .max(1_000)
      .meta({ description: 'Seconds that each of the next ones still lasts.', example: [0, 30] }),
  })
  .meta({ description: 'Sleeps of the code since its last checkpoint, in order.' })

const WorkerTypeRequest = z.strictObject({
  type: typeToRun,
  description: z
    .string()
    .max(10_000)
    .exactOptional()
    .meta({ description: 'What it does, for people and agents.', example: 'Transcribes a recording.' }),
  parameters: z
    .record(z.string(), z.unknown(), 'must be a JSON schema: an object')
    .nullable()
    .exactOptional()
    .meta({
      description:
        'JSON schema of the parameters (draft 2020-12, or draft 7 if `$schema` says so), at most 64 KiB. Values marked `writeOnly` are sensitive. Default: any object.',
      example: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] },
    }),
  concurrency: z.int().min(1).max(1_000_000).nullable().exactOptional().meta({
    description: 'Maximum number running at once, over all workers. Default: no limit.',
    example: 4,
  }),
  max_attempts: z
    .int()
    .min(1)
    .max(10_000)
    .exactOptional()
    .meta({ description: 'Attempts before a failure is final. Default 1.', example: 3 }),
  timeout: duration('Maximum active time per attempt. Default: none.', '10m', 0.001)
    .nullable()
    .exactOptional(),
  pause: z.enum(['checkpoint', 'none']).exactOptional().meta({
    description:
      '`checkpoint`: when it is told to, it stops at a pause point and calls `paused`. `none`: it cannot be paused while it runs. Default `none`.',
    example: 'checkpoint',
  }),
})

export const RegisterRequest = z
  .strictObject({
    worker,
    types: z
      .array(WorkerTypeRequest)
      .min(1)
      .max(100)
      .refine(
        (types) => new Set(types.map(({ type }) => type)).size === types.length,
        'must not name a type twice',
      ),
  })
  .meta({
    description: 'A worker, and the types that it runs.',
    example: {
      worker: 'gpu-1:4711',
      types: [
        {
          type: 'transcribe',
          parameters: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] },
          pause: 'checkpoint',
        },
      ],
    },
  })

export const RegisteredBody = z
  .strictObject({
    worker,
    lease: z.number().meta({
      description: 'A task is lost if it has no beat for this long. Seconds.',
      example: 30,
    }),
  })
  .meta({
    description: 'The worker is registered until it has made no call for a day.',
    example: { worker: 'gpu-1:4711', lease: 30 },
  })

export const ClaimRequest = z
  .strictObject({
    worker,
    types: z
      .array(typeToRun)
      .min(1)
      .max(100)
      .exactOptional()
      .meta({ description: 'Types to claim, of those that the worker registered. Default: all.' }),
    max: z
      .int()
      .min(1)
      .max(100)
      .exactOptional()
      .meta({ description: 'Maximum number of tasks. Default 1.', example: 1 }),
    wait: z
      .number()
      .min(0)
      .max(60)
      .exactOptional()
      .meta({ description: 'How long to wait for a task, from 0 to 60 seconds. Default 0.', example: 0 }),
  })
  .meta({
    description: 'What the worker can run now.',
    example: { worker: 'gpu-1:4711', max: 1, wait: 0 },
  })

export const ClaimBody = z
  .strictObject({
    tasks: z.array(
      z.strictObject({
        task_id: taskId,
        task_type: typeName,
        lease_token: token,
        attempt: z.int().meta({ description: '1 for the first attempt.' }),
        fence: z.int().meta({
          description:
            'Rises with every claim. Pass it in writes to other systems to reject those of an older run.',
        }),
        parameters: z.unknown().meta({ description: 'The parameters, sensitive values included.' }),
        checkpoint: z
          .unknown()
          .meta({ description: 'The last checkpoint of an earlier run; null on a fresh start.' }),
        sleeps: sleeps
          .nullable()
          .meta({ description: 'What earlier runs have slept since the checkpoint; null if nothing.' }),
        lease_until: time('When the task is lost without a beat.'),
      }),
    ),
  })
  .meta({
    description: 'The claimed tasks: none if there were none within `wait`.',
    example: {
      tasks: [
        {
          task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
          task_type: 'transcribe',
          lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0',
          attempt: 1,
          fence: 1,
          parameters: { url: 'https://example.com/talk.mp3' },
          checkpoint: null,
          sleeps: null,
          lease_until: 1_764_000_030.125,
        },
      ],
    },
  })

export const BeatRequest = z
  .strictObject({
    lease_token: token,
    progress: z
      .strictObject({
        current: z.number(),
        total: z.number().nullable().exactOptional(),
        message: z.string().max(10_000).nullable().exactOptional(),
      })
      .exactOptional()
      .meta({ description: 'How far it is, in units of your choice.', example: { current: 3, total: 10 } }),
    checkpoint: checkpoint.exactOptional(),
    logs: z
      .array(z.string().max(65_536))
      .max(1_000)
      .exactOptional()
      .meta({ description: 'Lines for the log of the task.', example: ['opened the recording'] }),
    steps: z.array(StepRequest).max(1_000).exactOptional().meta({
      description:
        'Steps that have ended. They are stored when the call is answered; a completed one stays as it was first stored.',
    }),
    wait: z.number().min(0).max(60).exactOptional().meta({
      description:
        'How long to wait for a signal other than `none`, from 0 to 60 seconds, and at most half of the lease. Default 0.',
      example: 0,
    }),
  })
  .meta({
    description: 'A sign of life of one task.',
    example: { lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0', progress: { current: 3, total: 10 } },
  })

export const BeatBody = z
  .strictObject({
    signal: z.enum(['none', 'pause', 'cancel', 'drain']).meta({
      description:
        '`pause` and `drain`: stop at a pause point and call `paused`. `cancel`: stop at once; the task was cancelled or exceeded its timeout. Its lease ends after the grace period.',
      example: 'none',
    }),
    lease_until: time('When the task is lost without another beat.'),
  })
  .meta({
    description: 'What the worker must know.',
    example: { signal: 'none', lease_until: 1_764_000_030.125 },
  })

export const CompleteRequest = z
  .strictObject({
    lease_token: token,
    result: z
      .unknown()
      .exactOptional()
      .meta({ description: 'Any JSON value, at most 10 MiB. Default null.', example: { words: 1_204 } }),
  })
  .meta({
    description: 'A result.',
    example: { lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0', result: { words: 1_204 } },
  })

export const FailRequest = z
  .strictObject({
    lease_token: token,
    error: failure.meta({
      description: 'Why it failed. The default code is `ERROR`.',
      example: { code: 'NO_SOUND', message: 'The recording is silent.' },
    }),
    retryable: z
      .boolean()
      .exactOptional()
      .meta({ description: 'False: the failure is final, even if attempts are left. Default true.' }),
    delay: duration('Delay before the next attempt, instead of the back-off.', 60).exactOptional(),
  })
  .meta({
    description: 'A failure.',
    example: {
      lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0',
      error: { code: 'NO_SOUND', message: 'The recording is silent.' },
    },
  })

export const PausedRequest = z
  .strictObject({ lease_token: token, checkpoint: checkpoint.exactOptional() })
  .meta({
    description: 'The state from which the task continues.',
    example: { lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0', checkpoint: { second: 90 } },
  })

export const ParkRequest = z
  .strictObject({
    lease_token: token,
    checkpoint: checkpoint.exactOptional(),
    wake_in: duration('When the task continues in any case. Default: never.', '10m').exactOptional(),
    awaits: z
      .strictObject({
        waits: z
          .array(z.string().min(1).max(waitLimits.name))
          .min(1)
          .max(waitLimits.waits)
          .meta({ description: 'Names of open waits.', example: ['approval'] }),
        seen: z
          .int()
          .min(0)
          .meta({ description: 'The smallest `seen` of the latest looks at them.', example: 0 }),
      })
      .exactOptional()
      .meta({ description: 'An answer for which the task waits too. Default: none.' }),
    sleeps: sleeps.exactOptional().meta({
      description: 'For a later run, which gets it with its claim. Default: nothing was slept.',
    }),
  })
  .refine(({ wake_in: time, awaits }) => time !== undefined || awaits !== undefined, {
    message: 'give wake_in, awaits or both: otherwise nothing would continue the task',
  })
  .meta({
    description: 'What the task waits for.',
    example: {
      lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0',
      checkpoint: { second: 90 },
      wake_in: '10m',
    },
  })

export const StoredStepsRequest = z
  .strictObject({
    lease_token: token,
    after: z
      .int()
      .min(0)
      .exactOptional()
      .meta({ description: '`next` of the page before. Default 0: the first page.', example: 0 }),
  })
  .meta({ description: 'A page.', example: { lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0', after: 0 } })

export const StoredStepsBody = z
  .strictObject({
    steps: z.array(
      z.strictObject({
        name: z.string(),
        occurrence: z.int(),
        status: z.enum(['completed', 'failed']),
        attempts: z.int().meta({ description: 'How often its code was called.' }),
        result: z.unknown().meta({ description: 'Null unless it is completed.' }),
      }),
    ),
    next: z.int().nullable().meta({ description: 'For the next page; null at the end.' }),
  })
  .meta({
    description: 'Steps, in the order in which they were first stored.',
    example: {
      steps: [{ name: 'charge', occurrence: 1, status: 'completed', attempts: 1, result: { id: 'ch_42' } }],
      next: null,
    },
  })

export const LookRequest = z
  .strictObject({
    lease_token: token,
    name: z
      .string()
      .min(1)
      .max(waitLimits.name)
      .meta({ description: 'Name of the wait.', example: 'approval' }),
    occurrence: occurrence.exactOptional(),
    schema: z
      .record(z.string(), z.unknown(), 'must be a JSON schema: an object')
      .nullable()
      .exactOptional()
      .meta({
        description: 'JSON schema that the answer must fit, at most 64 KiB. Default: any answer.',
        example: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
      }),
    message: z
      .string()
      .max(waitLimits.message)
      .nullable()
      .exactOptional()
      .meta({ description: 'What people are asked.', example: 'Ship it?' }),
    timeout: duration('How long it waits, from the first look of any run. Default: forever.', '7d')
      .nullable()
      .exactOptional(),
    timed_out: z.boolean().exactOptional().meta({
      description: 'True: its time is over as you measured it, and unless it was answered, it times out now.',
    }),
  })
  .meta({
    description: 'A wait for an answer.',
    example: {
      lease_token: 'WyJncHUtMTo0NzExIiwi.4LrVGk0kQ8a0',
      name: 'approval',
      message: 'Ship it?',
      timeout: '7d',
    },
  })

export const LookBody = z
  .strictObject({
    status: z.enum(['open', 'answered', 'timed_out']).meta({ example: 'open' }),
    answer: z.unknown().meta({ description: 'Null unless it was answered.' }),
    left: z
      .number()
      .nullable()
      .meta({ description: 'If it is open: seconds until it times out; null for never.' }),
    seen: z.int().nullable().meta({ description: 'If it is open: for `awaits` of a park.', example: 0 }),
  })
  .meta({
    description: 'How the wait is.',
    example: { status: 'open', answer: null, left: 604_800, seen: 0 },
  })

export const SettledBody = z.strictObject({ task_id: taskId, status: Status }).meta({
  description: 'The task after this settlement, or after the first one with this token.',
  example: { task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', status: 'completed' },
})
