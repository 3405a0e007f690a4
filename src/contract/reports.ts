import { z } from 'zod'
import { operationActions, operationStatuses } from '../core/operation.ts'
import { reasonCodes } from '../core/reason.ts'
import { statuses } from '../core/task.ts'
import { Accepted, existing, ResultBody, Status, StatusBody } from './answers.ts'
import { BucketStateBody } from './limits.ts'
import { spans } from './requests.ts'
import { seconds, taskId, time, typeName } from './values.ts'

/** Responses about many tasks, about waiting, and about the server. */

const statusExample = StatusBody.meta()?.['example'] as object

export const Finished = z.strictObject({ ...ResultBody.shape, message: z.string(), existing }).meta({
  description: 'The task finished within the requested waiting time.',
  example: { ...(ResultBody.meta()?.['example'] as object), message: 'Task of type add submitted.' },
})

export const RunAnswer = z.union([Finished, Accepted]).meta({
  description: 'The task is stored. Includes the result if it finished within the requested waiting time.',
  example: Accepted.meta()?.['example'],
})

export const BatchAccepted = z
  .strictObject({
    task_ids: z.array(taskId).meta({ description: 'In batch order.' }),
    replayed: z.int().meta({ description: 'How many of them already existed under their idempotency key.' }),
    existing: z.int().exactOptional().meta({
      description: 'How many of them already existed and have a unique key of the batch; absent if none.',
    }),
    message: z.string(),
  })
  .meta({
    description: 'All tasks of the batch are stored and will run.',
    example: {
      task_ids: ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c32'],
      replayed: 0,
      message: '2 tasks of type add submitted.',
    },
  })

export const ListedBody = z
  .strictObject({
    ...StatusBody.shape,
    parameters_cut: z.int().exactOptional().meta({
      description:
        'Size of the parameters in bytes if they are larger than 16 KiB. `parameters` is null then; read the task itself to get them.',
    }),
    parameters_unreadable: z.string().exactOptional().meta({
      description:
        'Why the parameters cannot be decrypted on this node, naming the key that is missing. `parameters` is null then.',
    }),
  })
  .meta({ description: 'A task in a list.', example: statusExample })

export const SelectedBody = ListedBody.partial().meta({
  description: 'A task in a list, reduced to the requested `fields`.',
  example: { task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', status: 'completed' },
})

export const ListBody = z
  .strictObject({
    tasks: z.array(z.union([ListedBody, SelectedBody])),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Cursor of the next page; null on the last page. A short page can have one.' }),
    search_limited: z.boolean().meta({
      description:
        'True if the search, or the order by duration, did not cover older tasks: both cover the newest 10,000.',
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
      .meta({ description: 'Why the task is not running now, most important first.' }),
    position: z
      .union([z.int(), z.literal('>10,000')])
      .nullable()
      .meta({
        description: 'Queue position: 1 is next. Counted up to 10,000; null if the task is not queued.',
      }),
    limits: z.array(BucketStateBody).meta({
      description: 'What a queued task needs under limits: it starts once each of these has room.',
    }),
    eta_seconds: seconds('Estimated time until it starts; null without an estimate.').nullable(),
  })
  .meta({
    description: 'Why a task is waiting, and for how long.',
    example: {
      task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
      status: 'queued',
      reasons: [
        { code: 'no_free_slot', message: 'All 10 slots of the nodes that run this type are in use.' },
      ],
      position: 1,
      limits: [],
      eta_seconds: 2.5,
    },
  })

export const PurgeAnswer = z.strictObject({ message: z.string(), task_id: taskId }).meta({
  description: 'The task and all its data are deleted.',
  example: { message: 'Task deleted.', task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31' },
})

export const HoldAnswer = z
  .strictObject({ message: z.string(), task_type: typeName, held: z.boolean() })
  .meta({
    description: 'The current state of the type.',
    example: { message: 'Type add is held: its tasks do not start.', task_type: 'add', held: true },
  })

const count = (description: string) => z.int().min(0).meta({ description })

/** As callers write it. */
export const FilterBody = z
  .strictObject({
    status: z.array(Status).exactOptional(),
    type: z.array(typeName).exactOptional(),
    tag: z.string().exactOptional(),
    created_by: z.string().exactOptional(),
    parent: z.string().exactOptional(),
    fingerprint: z.string().exactOptional(),
    took_min: seconds('Ran for at least this time.').exactOptional(),
    took_max: seconds('Ran for at most this time.').exactOptional(),
    q: z.string().exactOptional(),
    created_after: time('Created at or after this time.').exactOptional(),
    created_before: time('Created before this time.').exactOptional(),
  })
  .meta({ description: 'Which tasks to include.', example: { status: ['queued'], type: ['add'] } })

export const OperationBody = z
  .strictObject({
    operation_id: z.string().meta({ example: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c40' }),
    action: z.enum(operationActions),
    filter: FilterBody.meta({ description: 'The effective filter: tasks that accept the action.' }),
    created_by: z.string().meta({ description: 'The name of the caller that started it.' }),
    reason: z.string().nullable().meta({ description: 'The reason that the caller gave.' }),
    dry_run: z.boolean(),
    status: z.enum(operationStatuses).meta({
      description:
        '`interrupted`: its server stopped or crashed. Its changes so far remain, at least as many as are counted; start it again for the rest.',
    }),
    created_at: time('Start time.'),
    ended_at: time('End time.').nullable(),
    matched: count('Tasks matched so far.'),
    changed: count('Matched tasks that were changed or, for a purge, deleted.'),
    unchanged: count('Matched tasks that needed no change or, for a purge, were already deleted.'),
    refused: count('Matched tasks that were no longer eligible when their turn came.'),
    error: z
      .string()
      .nullable()
      .meta({ description: 'Why the operation failed, or was cancelled because its key has ended.' }),
  })
  .meta({
    description: 'A bulk operation.',
    example: {
      operation_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c40',
      action: 'cancel',
      filter: { status: ['queued'], type: ['add'] },
      created_by: 'ci',
      reason: null,
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
        id: z.string().meta({ description: 'Id of the node, new at every start.' }),
        here: z.boolean().meta({ description: 'Whether this node sent the response.' }),
        max_concurrent: count('Number of slots; 0 means it runs no tasks.'),
        slots_in_use: count('Slots in use, according to the database.'),
        types: z.array(z.string()).meta({ description: 'The task types it runs.' }),
        version: z.string().meta({ description: 'Version of Fermata.' }),
        host: z.string().nullable().meta({ description: 'Host name.' }),
        pid: z.int().nullable().meta({ description: 'Process id on that host.' }),
        started_at: time('Start time.'),
        renewed_at: time(
          'Time of its last lease renewal; null with SQLite, where one process owns the database.',
        ).nullable(),
      }),
    ),
    workers: z.array(
      z.strictObject({
        worker: z.string().meta({ description: 'Name of the worker.' }),
        types: z.array(z.string()).meta({ description: 'The task types it runs.' }),
        tasks: count('Tasks that it runs now.'),
        created_by: z.string().meta({ description: 'The name of the caller that registered it.' }),
        registered_at: time('Time of its latest registration.'),
        seen_at: time('Time of its last call, to some seconds.'),
      }),
    ),
  })
  .meta({
    description:
      'The live nodes that share the database, in start order, and the live remote workers, in the order of their registration.',
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
      workers: [
        {
          worker: 'gpu-1:4711',
          types: ['transcribe'],
          tasks: 2,
          created_by: 'gpu',
          registered_at: 1_764_000_000.125,
          seen_at: 1_764_003_600.25,
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
    counts: byStatus.meta({ description: 'Number of tasks by status; zeros are omitted.' }),
    types: z.record(
      z.string(),
      z.strictObject({
        counts: byStatus,
        held: z.boolean(),
        fenced_off: count('Slots still occupied by code that did not stop when told to.'),
        expected_duration: seconds(
          'Typical active time of a completed run; null until this node has completed one.',
        ).nullable(),
      }),
    ),
    rates: z.strictObject({ '1m': Rates, '5m': Rates, '60m': Rates }).meta({
      description:
        'Rates per second over the last 1, 5 and 60 minutes, for this node only and since its start at most.',
    }),
    nodes: z
      .strictObject({
        alive: count('Live nodes.'),
        slots: count('Slots of all live nodes.'),
        slots_in_use: count('Slots in use on all live nodes.'),
      })
      .meta({ description: 'Totals over all live nodes that share the database, including this one.' }),
    node: z.strictObject({
      id: z.string().meta({ description: 'Id of the node, new at every start.' }),
      phase: z.enum(['starting', 'ready', 'draining', 'closed']),
      max_concurrent: z.int(),
      slots_in_use: z.int(),
      parked: z.int().meta({ description: 'Paused handlers kept in memory.' }),
      event_loop: z
        .strictObject({
          p50: seconds('Median.'),
          p99: seconds('99th percentile.'),
          max: seconds('Maximum.'),
          blocked: z.array(
            z.strictObject({
              type: z.string(),
              at: time('End of the block.'),
              duration: seconds('Length of the block.'),
            }),
          ),
        })
        .meta({
          description:
            'Event-loop delay of the main thread, and inline handlers that blocked it for more than a second, newest first.',
        }),
    }),
  })
  .meta({
    description: 'Statistics.',
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

const happened = z.array(z.int().min(0)).meta({ description: 'Number in each step.', example: [2, 0, 1] })
const most = z
  .array(z.int().min(0).nullable())
  .meta({ description: 'Maximum in each step.', example: [3, null, 2] })

const distribution = (description: string) =>
  z
    .strictObject({
      count: z.int().min(0).meta({ description: 'Number of tasks.' }),
      p50: seconds('Median, within 9%.').nullable(),
      p95: seconds('95th percentile, within 9%.').nullable(),
      p99: seconds('99th percentile, within 9%.').nullable(),
      buckets: z
        .array(
          z.strictObject({
            from: seconds('More than this.'),
            to: seconds('At most this.'),
            count: z.int().min(1),
          }),
        )
        .meta({
          description:
            'Numbers of tasks between bounds that grow by a fourth root of 2; empty ones are left out.',
        }),
    })
    .meta({ description })

export const HistoryBody = z
  .strictObject({
    span: z.enum(spans),
    step: seconds('Length of a step: 10 for an hour, 300 for a day.'),
    start: time(
      'Start of the first step: an hour or a day ago; for the last hour of all types, the start of this node if that is later.',
    ),
    until: time('The current time, within the last step.'),
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
        description: 'What all nodes did; in the last hour of all types, what this node did.',
      }),
    tasks: z.strictObject({ scheduled: most, queued: most, running: most, paused: most }).meta({
      description:
        'Tasks in the database, over all nodes: the maximum in each step, sampled every 10 seconds; null without a sample, as for a single type. `running` includes all tasks that use a slot, also pausing and cancelling ones.',
    }),
    starts: z
      .array(
        z.strictObject({
          node: z.string().meta({ description: 'Id of the node.' }),
          at: time('When it started.'),
          version: z.string().meta({ description: 'Its version of Fermata.' }),
        }),
      )
      .meta({
        description:
          'Nodes that started within the span, in order; in the last hour of all types, only this node. Empty for a single type.',
      }),
    times: z
      .strictObject({
        run: distribution('Active time of completed tasks.'),
        queue: distribution('Time in the queue of tasks that have started and ended.'),
      })
      .nullable()
      .meta({ description: 'How long tasks of the type took; null for all types.' }),
  })
  .meta({
    description: 'Columns of equal length with one number per step, oldest first.',
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
      starts: [{ node: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c00', at: 1_764_000_000.125, version: '0.1.0' }],
      times: null,
    },
  })
