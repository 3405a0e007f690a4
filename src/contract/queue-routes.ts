import { FailuresBody, FailuresQuery } from './failures.ts'
import {
  BulkQuery,
  BulkRequest,
  ChangesHeaders,
  ChangesQuery,
  ListQuery,
  OperationParams,
} from './filters.ts'
import { ReasonQuery } from './requests.ts'
import { ListBody, OperationBody } from './reports.ts'
import type { Route } from './route.ts'
import { RunsBody, RunsQuery } from './runs.ts'

/** Routes for many tasks. */
export const queueRoutes = {
  listTasks: {
    method: 'GET',
    path: '/api/task',
    scope: 'read',
    tag: 'queue',
    summary: 'List tasks',
    description:
      'Pages of tasks that match a filter, newest first by default. A page costs the same however many tasks there are; there is no total. A page can be short or empty and still have a `next_cursor`. It holds at most 4 MiB of parameters and omits parameters larger than 16 KiB (`parameters_cut`).',
    query: ListQuery,
    answer: { description: 'A page of tasks.', schema: ListBody },
    problems: ['OPTIONS_INVALID'],
  },
  listFailures: {
    method: 'GET',
    path: '/api/failures',
    scope: 'read',
    tag: 'queue',
    summary: 'Group failed tasks by cause',
    description:
      'Failed tasks with the same fingerprint, which leaves out ids, numbers, times and paths of the message: how many there are, since when, of which types. `GET /api/task?fingerprint=` lists the tasks of a group, and `POST /api/bulk` retries them. Only the latest failure of a task counts, and a retried task no longer does.',
    query: FailuresQuery,
    answer: { description: 'The groups, the latest failure first.', schema: FailuresBody },
    problems: ['OPTIONS_INVALID'],
  },
  listRuns: {
    method: 'GET',
    path: '/api/runs',
    scope: 'read',
    tag: 'queue',
    summary: 'Show what tasks did in a time',
    description:
      'Tasks that existed between `from` and `until`, with their statuses over time, for a picture of them: first those that run or are paused, then those that ended in this time, the latest first, those that ended later, and those that wait, the oldest first. At most 2,000.',
    query: RunsQuery,
    answer: { description: 'The tasks.', schema: RunsBody },
    problems: ['OPTIONS_INVALID'],
  },
  streamChanges: {
    method: 'GET',
    path: '/api/events',
    scope: 'read',
    tag: 'queue',
    summary: 'Watch all tasks',
    description:
      'Server-sent events of all tasks that match the filter, starting now. Nothing is replayed: if events were lost on a slow or broken connection, a `resync` event tells you to read the tasks again.',
    query: ChangesQuery,
    headers: ChangesHeaders,
    answer: {
      description: 'An endless stream.',
      stream:
        'Events `transition` (data: a timeline entry with `task_id` and `task_type`), `progress`, `log` and `resync`.',
    },
    problems: ['OPTIONS_INVALID'],
  },
  bulk: {
    method: 'POST',
    path: '/api/bulk',
    scope: 'control',
    tag: 'queue',
    summary: 'Act on many tasks',
    description:
      'Pauses, resumes, cancels, retries or purges all tasks that match a filter, as a background operation that works in batches. Returns 200 if it has finished, 202 while it is still running. If its server stops or crashes, the operation is `interrupted`; its changes so far remain. A purge deletes finished tasks with all their data, and never touches other tasks.',
    query: BulkQuery,
    body: BulkRequest,
    answer: {
      description: 'The operation has finished.',
      later: 'The operation is still running; see `Location`.',
      schema: OperationBody,
      headers: { Location: 'URL of the operation.' },
    },
    problems: [
      'BODY_INVALID',
      'OPTIONS_INVALID',
      'TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'TOO_MANY_OPERATIONS',
    ],
  },
  getOperation: {
    method: 'GET',
    path: '/api/operations/{operation_id}',
    scope: 'read',
    tag: 'queue',
    summary: 'Get an operation',
    description: 'The progress of an operation. The latest 1,000 operations are kept.',
    params: OperationParams,
    answer: { description: 'The operation.', schema: OperationBody },
    problems: ['OPERATION_UNKNOWN'],
  },
  cancelOperation: {
    method: 'DELETE',
    path: '/api/operations/{operation_id}',
    scope: 'control',
    tag: 'queue',
    summary: 'Stop an operation',
    description:
      'The operation stops after its current batch; its changes so far remain. A finished operation is unchanged.',
    params: OperationParams,
    query: ReasonQuery,
    reason: true,
    answer: { description: 'The operation.', schema: OperationBody },
    problems: ['OPERATION_UNKNOWN', 'OPTIONS_INVALID'],
  },
} as const satisfies Record<string, Route>
