import type { TaskDetails } from '../../../src/client/index.ts'

/** What a task takes. */
export type Control = TaskDetails['controls'][number]

/** The bodies that the server answers, as its client knows them. */
export type {
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
