import { ControlAnswer, DetailsBody, LogBody, ResultBody, StatusBody, StepsBody } from './answers.ts'
import type { ProblemCode } from './problems.ts'
import { BatchAccepted, ExplainBody, PurgeAnswer, RunAnswer } from './reports.ts'
import {
  BatchRequest,
  EndQuery,
  EventHeaders,
  LogQuery,
  ReasonQuery,
  ResultHeaders,
  RetryQuery,
  RunHeaders,
  RunRequest,
  StepsQuery,
  TagHeaders,
  TraceHeaders,
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
  'UNIQUE_CONFLICT',
  'TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'QUEUE_FULL',
] as const satisfies readonly ProblemCode[]

const control = {
  tag: 'tasks',
  scope: 'control',
  params: TaskParams,
  query: WaitQuery,
  reason: true,
  answer: { description: 'The control was accepted.', schema: ControlAnswer },
  problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'CONTROL_REFUSED', 'OPTIONS_INVALID'],
} as const

/** Routes for one task. */
export const taskRoutes = {
  submitTask: {
    method: 'POST',
    path: '/api/run/{task_type}',
    scope: 'run',
    tag: 'tasks',
    summary: 'Submit a task',
    description:
      'Stores a task of this type and returns at once; the task starts as soon as a slot is free. Once you have the response, the task is never lost. With `Prefer: wait=N` or `?wait=N`, the response contains the result if the task finishes within N seconds.',
    params: TypeParams,
    query: EndQuery,
    headers: RunHeaders,
    body: RunRequest,
    answer: {
      description: 'Submitted.',
      schema: RunAnswer,
      later: 'Submitted, but not finished yet; only with `Prefer: respond-async`.',
      headers: {
        Location: 'URL of the task.',
        'Preference-Applied': 'The preferences that were applied.',
        'Idempotency-Replayed': '`true` if this is an existing task with the same idempotency key.',
      },
    },
    problems: submitProblems,
  },
  submitBatch: {
    method: 'POST',
    path: '/api/run/{task_type}/batch',
    scope: 'run',
    tag: 'tasks',
    summary: 'Submit many tasks',
    description:
      'Submits up to 10,000 tasks of one type in a body of at most 32 MiB, all or nothing. For an idempotency key that was used before, or a unique key that another task has, that task is returned in its place; a key that was used for a different request, or a unique key that is rejected, rejects the whole batch.',
    params: TypeParams,
    headers: TraceHeaders,
    body: BatchRequest,
    bodyLimit: 33_554_432,
    answer: { description: 'Submitted.', schema: BatchAccepted },
    problems: submitProblems,
  },
  getTaskStatus: {
    method: 'GET',
    path: '/api/task/{task_id}/status',
    scope: 'read',
    tag: 'tasks',
    summary: 'Get the status of a task',
    description: 'Status, progress and times of the task.',
    params: TaskParams,
    headers: TagHeaders,
    answer: { description: 'The task.', tagged: true, schema: StatusBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'DOCUMENT_UNREADABLE'],
  },
  getTaskResult: {
    method: 'GET',
    path: '/api/task/{task_id}/result',
    scope: 'read',
    tag: 'tasks',
    summary: 'Get the result of a task',
    description:
      'What the task returned, or why it failed. Refused until the task has finished; `?wait=N` or `Prefer: wait=N` waits for it.',
    params: TaskParams,
    query: EndQuery,
    headers: ResultHeaders,
    answer: {
      description: 'The finished task.',
      tagged: true,
      schema: ResultBody,
      headers: { 'Preference-Applied': 'The preferences that were applied.' },
    },
    problems: [
      'TASK_UNKNOWN',
      'TASK_ID_AMBIGUOUS',
      'DOCUMENT_UNREADABLE',
      'RESULT_NOT_READY',
      'OPTIONS_INVALID',
    ],
  },
  getTask: {
    method: 'GET',
    path: '/api/task/{task_id}',
    scope: 'read',
    tag: 'tasks',
    summary: 'Get all details of a task',
    description: 'The status plus checkpoint, result, attempts and timeline.',
    params: TaskParams,
    headers: TagHeaders,
    answer: { description: 'The task.', tagged: true, schema: DetailsBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'DOCUMENT_UNREADABLE'],
  },
  pauseTask: {
    ...control,
    method: 'POST',
    path: '/api/task/{task_id}/pause',
    summary: 'Pause a task',
    description:
      'The task keeps its progress, frees its slot and stays paused until it is resumed, even across restarts. A running task pauses at its next pause point; until then it is `pausing`.',
  },
  resumeTask: {
    ...control,
    method: 'POST',
    path: '/api/task/{task_id}/resume',
    summary: 'Resume a task',
    description:
      'A paused task continues where it left off: immediately if a slot is free, otherwise it is `queued`.',
  },
  cancelTask: {
    ...control,
    method: 'DELETE',
    path: '/api/task/{task_id}',
    summary: 'Cancel a task',
    description:
      'Stops the task and keeps its record for the retention period. The task is `cancelling` until its code has stopped or is fenced off. Repeating the call, even on a cancelled task, succeeds without effect.',
  },
  retryTask: {
    ...control,
    method: 'POST',
    path: '/api/task/{task_id}/retry',
    query: RetryQuery,
    problems: [...control.problems, 'UNIQUE_CONFLICT'],
    summary: 'Retry a task',
    description:
      'Runs a failed or cancelled task again from its last checkpoint, with its failures and crashes reset. Refused if another task has its unique key meanwhile.',
  },
  streamTaskEvents: {
    method: 'GET',
    path: '/api/task/{task_id}/events',
    scope: 'read',
    tag: 'tasks',
    summary: 'Watch a task',
    description:
      'Server-sent events: every transition of the task from the first one, then live events until it has finished. With `Last-Event-ID`, the stream continues after that transition without a gap.',
    params: TaskParams,
    headers: EventHeaders,
    answer: {
      description: 'A stream that ends after the final transition.',
      nothing: 'The task had already finished at `Last-Event-ID`: there are no more events.',
      stream:
        'Events `transition` (`id`: the version; data: a timeline entry with `task_id`), `progress` and `log` (both without an id).',
    },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'DOCUMENT_UNREADABLE', 'OPTIONS_INVALID'],
  },
  getTaskLog: {
    method: 'GET',
    path: '/api/task/{task_id}/logs',
    scope: 'read',
    tag: 'tasks',
    summary: 'Get the log of a task',
    description:
      'The lines its handler logged or its command printed. The newest 1,000 are kept. The event stream sends them live.',
    params: TaskParams,
    query: LogQuery,
    answer: { description: 'The log lines.', schema: LogBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'OPTIONS_INVALID'],
  },
  getTaskSteps: {
    method: 'GET',
    path: '/api/task/{task_id}/steps',
    scope: 'read',
    tag: 'tasks',
    summary: 'Get the steps of a task',
    description: 'The steps that its handler has stored, which later runs of the task do not repeat.',
    params: TaskParams,
    query: StepsQuery,
    answer: { description: 'The steps.', schema: StepsBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'DOCUMENT_UNREADABLE', 'OPTIONS_INVALID'],
  },
  explainTask: {
    method: 'GET',
    path: '/api/task/{task_id}/explain',
    scope: 'read',
    tag: 'tasks',
    summary: 'Explain why a task is waiting',
    description:
      'All reasons why the task is not running now, its queue position, and when it is expected to start.',
    params: TaskParams,
    answer: { description: 'The explanation.', schema: ExplainBody },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS'],
  },
  purgeTask: {
    method: 'POST',
    path: '/api/task/{task_id}/purge',
    scope: 'control',
    tag: 'tasks',
    summary: 'Delete a task',
    description:
      'Deletes a finished task with its result, log and timeline. Its idempotency key can be used again.',
    params: TaskParams,
    query: ReasonQuery,
    reason: true,
    answer: { description: 'Deleted.', schema: PurgeAnswer },
    problems: ['TASK_UNKNOWN', 'TASK_ID_AMBIGUOUS', 'CONTROL_REFUSED', 'OPTIONS_INVALID'],
  },
} as const satisfies Record<string, Route>
