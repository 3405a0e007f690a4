/** The bodies that the server answers, as its client knows them. */
export type {
  BulkAction as Control,
  Change,
  History,
  LogLine,
  Operation,
  Progress,
  ProgressReport,
  Stats,
  Status,
  TaskDetails,
  TaskError,
  TaskFilter,
  TaskPage,
  TaskStatus,
  TimelineLine,
  Transition,
} from '../../../src/client/index.ts'
