import type { Progress, Task, TaskId, TimelineEntry } from '../core/task.ts'

/** What running code reports, which no commit keeps as such. */
export type Report =
  | Readonly<{ kind: 'progress'; id: TaskId; type: string; progress: Progress }>
  | Readonly<{ kind: 'log'; id: TaskId; type: string; at: number; message: string }>

/** What listeners hear. Transitions are heard after their commit, in order. */
export type TaskEvent =
  | Readonly<{ kind: 'transition'; id: TaskId; task: Task; entry: TimelineEntry }>
  | Report
