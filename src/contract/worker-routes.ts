import type { Route } from './route.ts'
import {
  BeatBody,
  BeatRequest,
  ClaimBody,
  ClaimRequest,
  CompleteRequest,
  FailRequest,
  PausedRequest,
  RegisteredBody,
  RegisterRequest,
  SettledBody,
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
      'Keeps the task, stores progress, checkpoint and log lines, and returns whether the worker should stop. Call it at least every third of a lease. With `wait`, a signal arrives as soon as there is one.',
    body: BeatRequest,
    answer: { description: 'The lease is renewed.', schema: BeatBody },
    problems: ['LEASE_LOST', 'NOT_JSON', ...bodyProblems],
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
} as const satisfies Record<string, Route>
