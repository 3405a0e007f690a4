import { HealthBody, IndexBody, TypeBody, TypesBody } from './answers.ts'
import { HistoryBody, HoldAnswer, NodesBody, StatsBody } from './reports.ts'
import { HistoryQuery, ReasonQuery, TypeParams } from './requests.ts'
import type { Route } from './route.ts'

const hold = {
  method: 'POST',
  tag: 'types',
  scope: 'control',
  params: TypeParams,
  query: ReasonQuery,
  reason: true,
  answer: { description: 'The new state of the type.', schema: HoldAnswer },
  problems: ['TYPE_UNKNOWN', 'OPTIONS_INVALID'],
} as const

/** Routes for task types and the server. */
export const serverRoutes = {
  listTypes: {
    method: 'GET',
    path: '/api/tasks',
    scope: 'read',
    tag: 'types',
    summary: 'List task types',
    description: 'All task types of this server, with the JSON schema of their parameters.',
    answer: { description: 'The task types.', schema: TypesBody },
    problems: [],
  },
  getType: {
    method: 'GET',
    path: '/api/tasks/{task_type}',
    scope: 'read',
    tag: 'types',
    summary: 'Get a task type',
    description: 'Its description, the JSON schema of its parameters, and an example.',
    params: TypeParams,
    answer: { description: 'The task type.', schema: TypeBody },
    problems: ['TYPE_UNKNOWN'],
  },
  holdType: {
    ...hold,
    path: '/api/tasks/{task_type}/pause',
    summary: 'Hold a task type',
    description:
      'Tasks of a held type do not start on any node, even after restarts. Running tasks continue, and new tasks are still accepted.',
  },
  releaseType: {
    ...hold,
    path: '/api/tasks/{task_type}/resume',
    summary: 'Release a task type',
    description: 'Its tasks start again, in queue order.',
  },
  getIndex: {
    method: 'GET',
    path: '/api',
    scope: 'read',
    tag: 'server',
    summary: 'Index',
    description: 'Links to the other resources.',
    answer: { description: 'The index.', schema: IndexBody },
    problems: [],
  },
  getStats: {
    method: 'GET',
    path: '/api/stats',
    scope: 'read',
    tag: 'server',
    summary: 'Get statistics',
    description: 'Task counts, rates, slots and nodes.',
    answer: { description: 'The statistics.', schema: StatsBody },
    problems: [],
  },
  getHistory: {
    method: 'GET',
    path: '/api/history',
    scope: 'read',
    tag: 'server',
    summary: 'Get the history',
    description:
      'Time series for charts: how many tasks were submitted, started and finished in each step of the last hour or day, and how many existed. The last day and the history of a type are stored in the database: they cover all nodes and survive restarts, and a node that is killed loses up to ten seconds of what it counted. The last hour of all types is kept in the memory of the node that answers, and `happened` counts what that node did.',
    query: HistoryQuery,
    answer: { description: 'The history.', schema: HistoryBody },
    problems: ['OPTIONS_INVALID'],
  },
  listNodes: {
    method: 'GET',
    path: '/api/nodes',
    scope: 'read',
    tag: 'server',
    summary: 'List nodes',
    description:
      'The live nodes that share the database, including this one: their types, slots and last renewal. A stopped node is not listed; a killed node disappears when its lease ends.',
    answer: { description: 'The nodes.', schema: NodesBody },
    problems: [],
  },
  createBackup: {
    method: 'POST',
    path: '/api/backup',
    scope: 'admin',
    tag: 'server',
    summary: 'Back up the database',
    description:
      'Returns a copy of the embedded database as a SQLite file, with everything that was acknowledged before the request. Tasks are submitted and run meanwhile. The server checks the copy before it responds, and needs disk space for it next to the database. One backup at a time.',
    answer: {
      description: 'The file. `Content-Length` is its size.',
      raw: {
        media: 'application/vnd.sqlite3',
        description: 'A SQLite database.',
        example: 'SQLite format 3\0...',
      },
    },
    problems: ['BACKUP_UNSUPPORTED', 'TOO_MANY_OPERATIONS'],
  },
  getMetrics: {
    method: 'GET',
    path: '/metrics',
    scope: 'read',
    tag: 'server',
    summary: 'Get metrics',
    description:
      'Measurements in the text format of Prometheus. `fermata_tasks` and `fermata_oldest_queued_seconds` cover all nodes that share the database, everything else is about this node. Labels are types, statuses, states and route templates, so the number of series does not grow with the number of tasks.',
    answer: {
      description: 'The metrics.',
      raw: {
        media: 'text/plain',
        description: 'Prometheus text format 0.0.4.',
        example:
          '# HELP fermata_tasks Tasks by type and status, of all nodes.\n# TYPE fermata_tasks gauge\nfermata_tasks{type="add",status="completed"} 12\n',
      },
    },
    problems: [],
  },
  getHealth: {
    method: 'GET',
    path: '/healthz',
    scope: 'open',
    tag: 'server',
    summary: 'Liveness',
    description: 'The process is alive and responds.',
    answer: { description: 'Alive.', schema: HealthBody },
    problems: [],
  },
  getReadiness: {
    method: 'GET',
    path: '/readyz',
    scope: 'open',
    tag: 'server',
    summary: 'Readiness',
    description:
      'The server accepts work: it is not shutting down, and its database has just accepted a commit like that of a submit. Otherwise `detail` says why not: the disk is full, or the database is unreachable, locked, lost or damaged.',
    answer: { description: 'Ready.', schema: HealthBody },
    problems: ['NOT_READY'],
  },
} as const satisfies Record<string, Route>
