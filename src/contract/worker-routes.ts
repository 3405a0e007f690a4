import type { Route } from './route.ts'
import {
  BeatBody,
  BeatRequest,
  ClaimBody,
  ClaimRequest,
  CompleteRequest,
  FailRequest,
  LookBody,
  LookRequest,
  ParkRequest,
  PausedRequest,
  RegisteredBody,
  RegisterRequest,
  SettledBody,
  StoredStepsBody,
  StoredStepsRequest,
} from './workers.ts'

const bodyProblems = ['BODY_INVALID', 'OPTIONS_INVALID', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const

const settlement = {
  method: 'POST',
  scope: 'worker',
  tag: 'workers',
  answer: { description: 'The task has moved on.', schema: SettledBody },
  problems: ['LEASE_LOST', 'NOT_JSON', ...bodyProblems],
} as const

/** Routes for programs that run tasks over HTTP. */
export const workerRoutes = {
  registerWorker: {
    method: 'POST',
    path: '/api/worker/register',
    scope: 'worker',
    tag: 'workers',
    summary: 'Register a worker',
    description:
      'Adds a worker, or replaces its types. Its types can be submitted on all servers from now on, and their parameters are validated. If several workers register a type, the latest registration defines it. A type that a server runs itself is refused.',
    body: RegisterRequest,
    answer: { description: 'Registered.', schema: RegisteredBody },
    problems: ['TYPE_TAKEN', 'WORKER_NAME_TAKEN', ...bodyProblems],
  },
  claimTasks: {
    method: 'POST',
    path: '/api/worker/claim',
    scope: 'worker',
    tag: 'workers',
    summary: 'Claim tasks',
    description:
      'Takes queued tasks of the types of the worker, in queue order, and waits for them for up to `wait` seconds. Each task belongs to the worker until it settles the task, or has not called for the length of a lease.',
    body: ClaimRequest,
    answer: { description: 'Tasks to run.', schema: ClaimBody },
    problems: ['WORKER_UNKNOWN', 'TYPE_UNKNOWN', 'TYPE_TAKEN', ...bodyProblems],
  },
  beat: {
    method: 'POST',
    path: '/api/worker/beat',
    scope: 'worker',
    tag: 'workers',
    summary: 'Renew the lease of a task',
    description:
      'Keeps the task, stores progress, checkpoint, steps and log lines, and returns whether the worker should stop. Call it at least every third of a lease. With `wait`, a signal arrives as soon as there is one.',
    body: BeatRequest,
    bodyLimit: 11_534_336,
    answer: { description: 'The lease is renewed.', schema: BeatBody },
    problems: ['LEASE_LOST', 'TOO_MANY_STEPS', 'NOT_JSON', ...bodyProblems],
  },
  getStoredSteps: {
    method: 'POST',
    path: '/api/worker/steps',
    scope: 'worker',
    tag: 'workers',
    summary: 'Get the stored steps of a claimed task',
    description:
      'A page of the steps that runs of the task have stored. A completed one must not be done again: use its result.',
    body: StoredStepsRequest,
    answer: { description: 'A page of steps.', schema: StoredStepsBody },
    problems: ['LEASE_LOST', 'DOCUMENT_UNREADABLE', ...bodyProblems],
  },
  lookAtWait: {
    method: 'POST',
    path: '/api/worker/wait',
    scope: 'worker',
    tag: 'workers',
    summary: 'Look at a wait for an answer',
    description:
      'The first look of a task at this name and occurrence opens the wait: people can answer it. Later ones, also of other runs, return how it is; what they ask does not change it. While it is open, do something else, or `park` the task.',
    body: LookRequest,
    answer: { description: 'How the wait is.', schema: LookBody },
    problems: ['LEASE_LOST', 'TOO_MANY_WAITS', 'DOCUMENT_UNREADABLE', ...bodyProblems],
  },
  completeTask: {
    ...settlement,
    path: '/api/worker/complete',
    summary: 'Complete a task',
    description:
      'Stores the result. Finished work wins over a pause or a cancel that was requested meanwhile. Repeating a settlement returns what the first one returned.',
    body: CompleteRequest,
    bodyLimit: 11_534_336,
  },
  failTask: {
    ...settlement,
    path: '/api/worker/fail',
    summary: 'Fail a task',
    description:
      'Ends the attempt. If attempts are left and the failure is retryable, the next one starts after the back-off. A task whose cancel was requested is cancelled.',
    body: FailRequest,
  },
  returnPausedTask: {
    ...settlement,
    path: '/api/worker/paused',
    summary: 'Give a task back at a pause point',
    description:
      'Stores the checkpoint and ends the run: the task is paused if that was requested, and goes back to the queue otherwise. It continues from the checkpoint, on any worker.',
    body: PausedRequest,
  },
  parkTask: {
    ...settlement,
    path: '/api/worker/park',
    summary: 'Let a task wait without a worker',
    description:
      'Ends the run: the task is `waiting` until the time or the answer, and then goes to any worker, which continues it from its checkpoint, with its steps and answers. If there has been an answer since the look, the task is queued at once. A requested pause or cancel takes effect.',
    body: ParkRequest,
  },
} as const satisfies Record<string, Route>
