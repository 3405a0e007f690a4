import {
  BulkQuery,
  BulkRequest,
  ChangesHeaders,
  ChangesQuery,
  ListQuery,
  OperationParams,
} from './filters.ts'
import { ListBody, OperationBody } from './reports.ts'
import type { Route } from './route.ts'

/** All tasks. */
export const queueRoutes = {
  listTasks: {
    method: 'GET',
    path: '/api/task',
    tag: 'queue',
    summary: 'Find tasks',
    description:
      'Pages of tasks by filter, newest first unless told otherwise. A page costs the same however many tasks there are; there is no total. A page can be short, or empty, and still have a `next_cursor`: it holds at most 4 MiB of parameters, and leaves out those above 16 KiB (`parameters_cut`).',
    query: ListQuery,
    answer: { description: 'A page.', schema: ListBody },
    problems: ['OPTIONS_INVALID'],
  },
  streamChanges: {
    method: 'GET',
    path: '/api/events',
    tag: 'queue',
    summary: 'Watch all tasks',
    description:
      'Server-sent events of all tasks that fit the filter, from now on. Nothing is replayed: when events were lost, by a slow or a broken connection, `resync` says to look at the tasks again.',
    query: ChangesQuery,
    headers: ChangesHeaders,
    answer: {
      description: 'A stream without an end.',
      stream:
        'Events `transition` (data: a line of the timeline with `task_id` and `task_type`), `progress`, `log`, and `resync`.',
    },
    problems: ['OPTIONS_INVALID'],
  },
  bulk: {
    method: 'POST',
    path: '/api/bulk',
    tag: 'queue',
    summary: 'Act on many tasks',
    description:
      'Pauses, resumes, cancels, retries or purges all tasks of a filter, as an operation that works in batches beside everything else. It is answered with 200 once it has ended, or with 202 while it goes on. When its server stops or dies it is `interrupted`: what was done stands. A purge deletes the tasks that have ended, with all that is known of them, and touches no others.',
    query: BulkQuery,
    body: BulkRequest,
    answer: {
      description: 'It has ended.',
      later: 'It goes on: look at it at `Location`.',
      schema: OperationBody,
      headers: { Location: 'Address of the operation.' },
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
    tag: 'queue',
    summary: 'An operation',
    description: 'How far it has come. The newest 1,000 are remembered.',
    params: OperationParams,
    answer: { description: 'The operation as it stands.', schema: OperationBody },
    problems: ['OPERATION_UNKNOWN'],
  },
  cancelOperation: {
    method: 'DELETE',
    path: '/api/operations/{operation_id}',
    tag: 'queue',
    summary: 'Stop an operation',
    description: 'It ends after its present batch; what was done stands. One that has ended stays as it is.',
    params: OperationParams,
    answer: { description: 'The operation as it stands.', schema: OperationBody },
    problems: ['OPERATION_UNKNOWN'],
  },
} as const satisfies Record<string, Route>
