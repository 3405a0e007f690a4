import { HealthBody, IndexBody, TypeBody, TypesBody } from './answers.ts'
import { HistoryBody, HoldAnswer, NodesBody, StatsBody } from './reports.ts'
import { HistoryQuery, TypeParams } from './requests.ts'
import type { Route } from './route.ts'

const hold = {
  method: 'POST',
  tag: 'types',
  params: TypeParams,
  answer: { description: 'So it is.', schema: HoldAnswer },
  problems: ['TYPE_UNKNOWN'],
} as const

/** The types, and the server itself. */
export const serverRoutes = {
  listTypes: {
    method: 'GET',
    path: '/api/tasks',
    tag: 'types',
    summary: 'All task types',
    description: 'What can be run here, with the JSON schema of the parameters of each type.',
    answer: { description: 'The types.', schema: TypesBody },
    problems: [],
  },
  getType: {
    method: 'GET',
    path: '/api/tasks/{task_type}',
    tag: 'types',
    summary: 'One task type',
    description: 'Its description, the JSON schema of its parameters, and an example of them.',
    params: TypeParams,
    answer: { description: 'The type.', schema: TypeBody },
    problems: ['TYPE_UNKNOWN'],
  },
  holdType: {
    ...hold,
    path: '/api/tasks/{task_type}/pause',
    summary: 'Hold a task type',
    description:
      'Nothing of the type starts any more, on any server and after restarts too; what runs goes on, and tasks are still taken in.',
  },
  releaseType: {
    ...hold,
    path: '/api/tasks/{task_type}/resume',
    summary: 'Lift the hold of a task type',
    description: 'Its tasks start again, in their order.',
  },
  getIndex: {
    method: 'GET',
    path: '/api',
    tag: 'server',
    summary: 'Index',
    description: 'Links to everything else.',
    answer: { description: 'The index.', schema: IndexBody },
    problems: [],
  },
  getStats: {
    method: 'GET',
    path: '/api/stats',
    tag: 'server',
    summary: 'Figures',
    description: 'How many tasks there are, how fast they move, and what the slots do.',
    answer: { description: 'The figures.', schema: StatsBody },
    problems: [],
  },
  getHistory: {
    method: 'GET',
    path: '/api/history',
    tag: 'server',
    summary: 'History',
    description:
      'How many tasks were submitted, started and ended in each step of the last hour or day, and how many there were: for charts. Every server keeps its own, in memory, so it begins anew with the server. What happened is what this server did; the tasks that there were are those of all servers on the database.',
    query: HistoryQuery,
    answer: { description: 'The history.', schema: HistoryBody },
    problems: ['OPTIONS_INVALID'],
  },
  listNodes: {
    method: 'GET',
    path: '/api/nodes',
    tag: 'server',
    summary: 'Nodes',
    description:
      'The living nodes that share the database, this one too: what each may run, what it does, and when it was last heard of. One that has stopped is not listed; one that was killed is gone when its lease is over.',
    answer: { description: 'The nodes.', schema: NodesBody },
    problems: [],
  },
  getHealth: {
    method: 'GET',
    path: '/healthz',
    tag: 'server',
    summary: 'Liveness',
    description: 'The process is alive and answers.',
    answer: { description: 'Alive.', schema: HealthBody },
    problems: [],
  },
  getReadiness: {
    method: 'GET',
    path: '/readyz',
    tag: 'server',
    summary: 'Readiness',
    description:
      'The server takes work: it is not shutting down, and its database has just taken a commit like that of a submit. Otherwise the detail says why not: the disk is full, the database cannot be reached, is locked, lost or damaged.',
    answer: { description: 'Ready.', schema: HealthBody },
    problems: ['NOT_READY'],
  },
} as const satisfies Record<string, Route>
