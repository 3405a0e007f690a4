import { BucketsBody, BucketsQuery, LimitBody, LimitParams, LimitRequest, LimitsBody } from './limits.ts'
import { ReasonQuery } from './requests.ts'
import type { Route } from './route.ts'

/** Routes for limits. */
export const limitRoutes = {
  listLimits: {
    method: 'GET',
    path: '/api/limits',
    tag: 'limits',
    scope: 'read',
    summary: 'List limits',
    description: 'All limits, those that types declare and those that somebody has set, with what is in use.',
    answer: { description: 'The limits.', schema: LimitsBody },
    problems: [],
  },
  getLimit: {
    method: 'GET',
    path: '/api/limits/{limit_name}',
    tag: 'limits',
    scope: 'read',
    summary: 'Get a limit',
    description: 'One limit with what is in use.',
    params: LimitParams,
    answer: { description: 'The limit.', schema: LimitBody },
    problems: ['LIMIT_UNKNOWN', 'OPTIONS_INVALID'],
  },
  setLimit: {
    method: 'PUT',
    path: '/api/limits/{limit_name}',
    tag: 'limits',
    scope: 'control',
    summary: 'Create or replace a limit',
    description:
      'Bounds how many tasks with the same key run at once, how often they start, or both. The next start goes by it, on all nodes; running tasks are not affected. A limit that a type declares is yours from then on.',
    params: LimitParams,
    query: ReasonQuery,
    body: LimitRequest,
    answer: {
      description: 'Replaced.',
      orCreated: 'Created. `Location` is its URL.',
      schema: LimitBody,
    },
    problems: ['OPTIONS_INVALID', 'BODY_INVALID', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
  },
  deleteLimit: {
    method: 'DELETE',
    path: '/api/limits/{limit_name}',
    tag: 'limits',
    scope: 'control',
    summary: 'Delete a limit',
    description:
      'Tasks are no longer held back by it. If a type declares it, that declaration holds again from now on.',
    params: LimitParams,
    query: ReasonQuery,
    answer: { description: 'Deleted.', empty: true },
    problems: ['LIMIT_UNKNOWN', 'OPTIONS_INVALID'],
  },
  listBuckets: {
    method: 'GET',
    path: '/api/limits/{limit_name}/buckets',
    tag: 'limits',
    scope: 'read',
    summary: 'List the keys of a limit',
    description: 'Keys that are in use or waited for, in order, each with its running and queued tasks.',
    params: LimitParams,
    query: BucketsQuery,
    answer: { description: 'A page of keys.', schema: BucketsBody },
    problems: ['LIMIT_UNKNOWN', 'OPTIONS_INVALID'],
  },
} as const satisfies Record<string, Route>
