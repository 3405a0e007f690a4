import { z } from 'zod'
import { bulkActions, operationStatuses } from '../core/operation.ts'
import { reasonCodes } from '../core/reason.ts'
import { statuses } from '../core/task.ts'
import { Accepted, ResultBody, Status, StatusBody } from './answers.ts'
import { spans } from './requests.ts'
import { seconds, taskId, time, typeName } from './values.ts'

/** What the server answers about many tasks, about waiting, and about itself. */

const statusExample = StatusBody.meta()?.['example'] as object

export const Finished = z.strictObject({ ...ResultBody.shape, message: z.string() }).meta({
  description: 'The task has ended within the time that the caller was ready to wait.',
  example: { ...(ResultBody.meta()?.['example'] as object), message: 'A task of type add was submitted.' },
})

export const RunAnswer = z.union([Finished, Accepted]).meta({
  description: 'The task is stored; with its result when it has ended within the time to wait.',
  example: Accepted.meta()?.['example'],
})

export const BatchAccepted = z
  .strictObject({
    task_ids: z.array(taskId).meta({ description: 'In the order of the batch.' }),
    replayed: z.int().meta({ description: 'How many of them an idempotency key had made before.' }),
    message: z.string(),
  })
  .meta({
    description: 'All tasks of the batch are stored and will run.',
    example: {
      task_ids: ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c32'],
      replayed: 0,
      message: '2 tasks of type add were submitted.',
    },
  })

export const ListedBody = z
  .strictObject({
    ...StatusBody.shape,
    parameters_cut: z.int().exactOptional().meta({
      description:
        'Bytes of the parameters, when they are larger than 16 KiB and left out here: `parameters` is null then. The task itself has them.',
    }),
  })
  .meta({ description: 'A task in a list.', example: statusExample })

export const SelectedBody = ListedBody.partial().meta({
  description: 'A task in a list that was asked for some of its `fields`.',
  example: { task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', status: 'completed' },
})

export const ListBody = z
  .strictObject({
    tasks: z.array(z.union([ListedBody, SelectedBody])),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Where the next page begins; null at the end. A short page can have one.' }),
    search_limited: z.boolean().meta({
      description: 'There are older tasks that the search did not look at: it covers the newest 10,000.',
    }),
  })
  .meta({
    description: 'A page of tasks.',
    example: { tasks: [statusExample], next_cursor: null, search_limited: false },
  })

export const ExplainBody = z
  .strictObject({
    task_id: taskId,
    status: Status,
    reasons: z
      .array(z.strictObject({ code: z.enum(reasonCodes), message: z.string() }))
      .meta({ description: 'Why it does not run now; what must pass first stands first.' }),
    position: z
      .union([z.int(), z.literal('>10,000')])
      .nullable()
      .meta({
        description: 'Place in the queue: 1 is next. Counted up to 10,000; null when it is not queued.',
      }),
    eta_seconds: seconds('Until it starts, by what is known now; null when nothing foretells it.').nullable(),
  })
  .meta({
    description: 'Why a task waits, and how long still.',
    example: {
      task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
      status: 'queued',
      reasons: [{ code: 'no_free_slot', message: 'All 10 slots of the nodes that run it are taken.' }],
      position: 1,
      eta_seconds: 2.5,
    },
  })

export const PurgeAnswer = z.strictObject({ message: z.string(), task_id: taskId }).meta({
  description: 'The task is gone, with all that was known of it.',
  example: { message: 'The task was deleted.', task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31' },
})

export const HoldAnswer = z
  .strictObject({ message: z.string(), task_type: typeName, held: z.boolean() })
  .meta({
    description: 'The type as it stands now.',
    example: { message: 'The type add is held: nothing of it starts.', task_type: 'add', held: true },
  })

const count = (description: string) => z.int().min(0).meta({ description })

/** As a caller writes it. */
export const FilterBody = z
  .strictObject({
    status: z.array(Status).exactOptional(),
    type: z.array(typeName).exactOptional(),
    tag: z.string().exactOptional(),
    q: z.string().exactOptional(),
    created_after: time('Created then or later.').exactOptional(),
    created_before: time('Created before.').exactOptional(),
  })
  .meta({ description: 'Which tasks are meant.', example: { status: ['queued'], type: ['add'] } })

export const OperationBody = z
  .strictObject({
    operation_id: z.string().meta({ example: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c40' }),
    action: z.enum(bulkActions),
    filter: FilterBody.meta({ description: 'The tasks that were meant, and could take the action.' }),
    dry_run: z.boolean(),
    status: z.enum(operationStatuses).meta({
      description:
        '`interrupted`: its server stopped or died over it. What was done stands, at least as much as is counted; start it again for the rest.',
    }),
    created_at: time('When it began.'),
    ended_at: time('When it ended.').nullable(),
    matched: count('Tasks that matched so far.'),
    changed: count('Of these, those that the action moved or, for a purge, deleted.'),
    unchanged: count('Those that needed no change: so already or, for a purge, gone already.'),
    refused: count('Those that no longer qualified when their turn came.'),
    error: z.string().nullable().meta({ description: 'Why it failed.' }),
  })
  .meta({
    description: 'An action on many tasks.',
    example: {
      operation_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c40',
      action: 'cancel',
      filter: { status: ['queued'], type: ['add'] },
      dry_run: false,
      status: 'completed',
      created_at: 1_764_000_000.125,
      ended_at: 1_764_000_000.325,
      matched: 120,
      changed: 120,
      unchanged: 0,
      refused: 0,
      error: null,
    },
  })

export const NodesBody = z
  .strictObject({
    nodes: z.array(
      z.strictObject({
        id: z.string().meta({ description: 'New with every start.' }),
        here: z.boolean().meta({ description: 'It is the one that answers.' }),
        max_concurrent: count('Its slots; 0 runs nothing.'),
        slots_in_use: count('Of these, as the database knows it.'),
        types: z.array(z.string()).meta({ description: 'What it runs; it serves all types that it knows.' }),
        version: z.string().meta({ description: 'Of its program.' }),
        host: z.string().nullable().meta({ description: 'Name of its machine.' }),
        pid: z.int().nullable().meta({ description: 'Number of its process there.' }),
        started_at: time('When it started.'),
        renewed_at: time(
          'When it was last heard of; null where one process owns the database and need not be.',
        ).nullable(),
      }),
    ),
  })
  .meta({
    description: 'The living nodes that share the database, in the order in which they started.',
    example: {
      nodes: [
        {
          id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c00',
          here: true,
          max_concurrent: 10,
          slots_in_use: 3,
          types: ['add', 'fib', 'long'],
          version: '0.1.0',
          host: 'worker-1',
          pid: 4_711,
          started_at: 1_764_000_000.125,
          renewed_at: 1_764_003_600.25,
        },
      ],
    },
  })

const byStatus = z.partialRecord(z.enum(statuses), count('Tasks.'))
const rate = z.number().min(0)
const Rates = z.strictObject({
  submitted: rate,
  started: rate,
  completed: rate,
  failed: rate,
  cancelled: rate,
  retried: rate,
})
const noRates = { submitted: 2, started: 2, completed: 1.9, failed: 0.1, cancelled: 0, retried: 0 }

export const StatsBody = z
  .strictObject({
    counts: byStatus.meta({ description: 'All tasks, by status; zeros are left out.' }),
    types: z.record(
      z.string(),
      z.strictObject({
        counts: byStatus,
        held: z.boolean(),
        fenced_off: count('Slots that code still holds which did not stop when it was told to.'),
        expected_duration: seconds(
          'Active time of a run that completes; null before the first one of this server.',
        ).nullable(),
      }),
    ),
    rates: z.strictObject({ '1m': Rates, '5m': Rates, '60m': Rates }).meta({
      description:
        'A second, over the last 1, 5 and 60 minutes, of this server alone; kept in memory, so they begin anew with it.',
    }),
    nodes: z
      .strictObject({ alive: count('Nodes.'), slots: count('Of all.'), slots_in_use: count('Of all.') })
      .meta({ description: 'All living nodes that share the database, this one too.' }),
    node: z.strictObject({
      id: z.string().meta({ description: 'New with every start.' }),
      phase: z.enum(['starting', 'ready', 'draining', 'closed']),
      max_concurrent: z.int(),
      slots_in_use: z.int(),
      parked: z.int().meta({ description: 'Paused handlers that are kept in memory.' }),
      event_loop: z
        .strictObject({
          p50: seconds('Median.'),
          p99: seconds('99 of 100 times it was less.'),
          max: seconds('The longest.'),
          blocked: z.array(
            z.strictObject({
              type: z.string(),
              at: time('When it ended.'),
              duration: seconds('For how long.'),
            }),
          ),
        })
        .meta({
          description:
            'How late the main thread was, and the inline handlers that kept it for more than a second, the newest first.',
        }),
    }),
  })
  .meta({
    description: 'How much there is, and how fast it moves.',
    example: {
      counts: { queued: 3, running: 10, completed: 4_711 },
      types: {
        add: { counts: { queued: 3, running: 10 }, held: false, fenced_off: 0, expected_duration: 0.004 },
      },
      rates: { '1m': noRates, '5m': noRates, '60m': noRates },
      nodes: { alive: 1, slots: 10, slots_in_use: 10 },
      node: {
        id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c00',
        phase: 'ready',
        max_concurrent: 10,
        slots_in_use: 10,
        parked: 0,
        event_loop: { p50: 0.001, p99: 0.004, max: 0.02, blocked: [] },
      },
    },
  })

const happened = z.array(z.int().min(0)).meta({ description: 'How often, in each step.', example: [2, 0, 1] })
const most = z
  .array(z.int().min(0).nullable())
  .meta({ description: 'The most that were seen in each step.', example: [3, null, 2] })

export const HistoryBody = z
  .strictObject({
    span: z.enum(spans),
    step: seconds('Of a step: 10 in an hour, 300 in a day.'),
    start: time('When the first step begins: an hour or a day ago, or later when this server started later.'),
    until: time('Now: in the midst of the last step.'),
    happened: z
      .strictObject({
        submitted: happened,
        started: happened,
        completed: happened,
        failed: happened,
        cancelled: happened,
        retried: happened,
      })
      .meta({
        description: 'What this server did, of all that share the database: what others did is not in it.',
      }),
    tasks: z.strictObject({ scheduled: most, queued: most, running: most, paused: most }).meta({
      description:
        'Tasks in the database, whichever server has them: the most that were seen in each step, looked at every 10 seconds; null when nobody could look. `running` is all that take a slot, pausing and cancelling ones too.',
    }),
  })
  .meta({
    description: 'Columns of one length, with a number for each step, the oldest first.',
    example: {
      span: '1h',
      step: 10,
      start: 1_764_000_000.125,
      until: 1_764_000_024.125,
      happened: {
        submitted: [120, 80, 40],
        started: [100, 100, 30],
        completed: [95, 99, 31],
        failed: [0, 1, 0],
        cancelled: [0, 0, 0],
        retried: [0, 1, 0],
      },
      tasks: { scheduled: [0, 0, 0], queued: [20, 5, 0], running: [10, 10, 4], paused: [1, 1, 1] },
    },
  })
