import { ControlAnswer, DetailsBody, LogBody, ResultBody, StatusBody } from './answers.ts'
import type { ProblemCode } from './problems.ts'
import { BatchAccepted, ExplainBody, PurgeAnswer, RunAnswer } from './reports.ts'
import {
  BatchRequest,
  EndQuery,
  EventHeaders,
  LogQuery,
  ResultHeaders,
  RetryQuery,
  RunHeaders,
  RunRequest,
  TagHeaders,
  TaskParams,
  TypeParams,
  WaitQuery,
} from './requests.ts'
import type { Route } from './route.ts'

const submitProblems = [
  'TYPE_UNKNOWN',
  'PARAMETERS_INVALID',
  'NOT_JSON',
  'BODY_INVALID',
  'OPTIONS_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
  'TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'QUEUE_FULL',
] as const satisfies readonly ProblemCode[]

const control = {
  tag: 'tasks',
  params: TaskParams,
  query: WaitQuery,
  answer: { description: 'Accepted.', schema: ControlAnswer },
  problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'CONTROL_REFUSED', 'OPTIONS_INVALID'],
} as const

/** One task. */
export const taskRoutes = {
  submitTask: {
    method: 'POST',
    path: '/api/run/{task_type}',
    tag: 'tasks',
    summary: 'Submit a task',
    description:
      'Stores a task of this type and answers at once; it starts as soon as a slot is free. Once this is answered the task is never lost. With `Prefer: wait=N` or `?wait=N` the answer is the result, if it is there by then.',
    params: TypeParams,
    query: EndQuery,
    headers: RunHeaders,
    body: RunRequest,
    answer: {
      description: 'Submitted.',
      schema: RunAnswer,
      later: 'Submitted, and not ended yet: with `Prefer: respond-async`.',
      headers: {
        Location: 'Address of the task.',
        'Preference-Applied': 'What of `Prefer` was followed.',
        'Idempotency-Replayed': '`true` when the idempotency key had made this task before.',
      },
    },
    problems: submitProblems,
  },
  submitBatch: {
    method: 'POST',
    path: '/api/run/{task_type}/batch',
    tag: 'tasks',
    summary: 'Submit many tasks',
    description:
      'Up to 10,000 tasks of one type in one body of at most 32 MiB, all or none of them. An idempotency key that was used before yields the task of then in its place; one that belongs to another request refuses the whole batch.',
    params: TypeParams,
    body: BatchRequest,
    bodyLimit: 33_554_432,
    answer: { description: 'Submitted.', schema: BatchAccepted },
    problems: submitProblems,
  },
  getTaskStatus: {
    method: 'GET',
    path: '/api/task/{task_id}/status',
    tag: 'tasks',
    summary: 'Status of a task',
    description: 'Where the task stands, with its progress and its times.',
    params: TaskParams,
    headers: TagHeaders,
    answer: { description: 'The task as it stands.', tagged: true, schema: StatusBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS'],
  },
  getTaskResult: {
    method: 'GET',
    path: '/api/task/{task_id}/result',
    tag: 'tasks',
    summary: 'Result of a task',
    description:
      'What the task returned, or why it failed. Refused until the task has ended; with `?wait=N` or `Prefer: wait=N` it is waited for.',
    params: TaskParams,
    query: EndQuery,
    headers: ResultHeaders,
    answer: {
      description: 'The task, which has ended.',
      tagged: true,
      schema: ResultBody,
      headers: { 'Preference-Applied': 'What of `Prefer` was followed.' },
    },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'RESULT_NOT_READY', 'OPTIONS_INVALID'],
  },
  getTask: {
    method: 'GET',
    path: '/api/task/{task_id}',
    tag: 'tasks',
    summary: 'Everything about a task',
    description: 'The status with parameters, checkpoint, result, attempts and timeline.',
    params: TaskParams,
    headers: TagHeaders,
    answer: { description: 'The task as it stands.', tagged: true, schema: DetailsBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS'],
  },
  pauseTask: {
    ...control,
    method: 'POST',
    path: '/api/task/{task_id}/pause',
    summary: 'Pause a task',
    description:
      'The task keeps its progress, gives its slot back and stays paused, over restarts too, until it is resumed. A running one pauses at its next pause point; until then it is `pausing`.',
  },
  resumeTask: {
    ...control,
    method: 'POST',
    path: '/api/task/{task_id}/resume',
    summary: 'Resume a task',
    description: 'A paused task goes on from where it was: at once when a slot is free, else it is `queued`.',
  },
  cancelTask: {
    ...control,
    method: 'DELETE',
    path: '/api/task/{task_id}',
    summary: 'Cancel a task',
    description:
      'Stops the task. Its record remains until the retention is over. Code that does not stop by itself is `cancelling` until it is fenced off. Repeated, also on a task that is cancelled, it succeeds without effect.',
  },
  retryTask: {
    ...control,
    method: 'POST',
    path: '/api/task/{task_id}/retry',
    query: RetryQuery,
    summary: 'Retry a task',
    description: 'A failed or cancelled task once more, with a new budget, from its last checkpoint.',
  },
  streamTaskEvents: {
    method: 'GET',
    path: '/api/task/{task_id}/events',
    tag: 'tasks',
    summary: 'Watch a task',
    description:
      'Server-sent events: every transition of the task from the first one on, then what happens, until it has ended. With `Last-Event-ID` the stream goes on after that transition, without a gap.',
    params: TaskParams,
    headers: EventHeaders,
    answer: {
      description: 'A stream that ends after the terminal transition.',
      nothing: 'The task had ended at `Last-Event-ID`: nothing more can come.',
      stream:
        'Events `transition` (`id` is the version; data: a line of the timeline with `task_id`), `progress` and `log` (both without an id).',
    },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'OPTIONS_INVALID'],
  },
  getTaskLog: {
    method: 'GET',
    path: '/api/task/{task_id}/logs',
    tag: 'tasks',
    summary: 'Log of a task',
    description:
      'The lines that its handler logged or its command printed. The newest 1,000 are kept; as they come they are in the event stream too.',
    params: TaskParams,
    query: LogQuery,
    answer: { description: 'The lines.', schema: LogBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'OPTIONS_INVALID'],
  },
  explainTask: {
    method: 'GET',
    path: '/api/task/{task_id}/explain',
    tag: 'tasks',
    summary: 'Why a task waits',
    description:
      'Every reason why the task does not run now, its place in the queue, and when it will start.',
    params: TaskParams,
    answer: { description: 'As far as this server knows.', schema: ExplainBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS'],
  },
  purgeTask: {
    method: 'POST',
    path: '/api/task/{task_id}/purge',
    tag: 'tasks',
    summary: 'Delete a task',
    description: 'Deletes the record of a task that has ended. Its idempotency key is free again.',
    params: TaskParams,
    answer: { description: 'Deleted.', schema: PurgeAnswer },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'CONTROL_REFUSED'],
  },
} as const satisfies Record<string, Route>
