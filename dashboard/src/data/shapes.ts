import type { TaskDetails } from '../../../src/client/index.ts'

/** The controls of a task. */
export type Control = TaskDetails['controls'][number]

/** Response bodies, as typed by the client. */
export type {
  Change,
  History,
  LogLine,
  Operation,
  Progress,
  ProgressReport,
  Run,
  Stats,
  Status,
  TaskDetails,
  TaskError,
  TaskFilter,
  TaskPage,
  TaskStatus,
  TaskStep,
  TimelineLine,
  Transition,
} from '../../../src/client/index.ts'
