import type { Progress, Task, TaskId, TimelineEntry } from '../core/task.ts'

/** Reports of running code, which are not stored by a commit. */
export type Report =
  | Readonly<{ kind: 'progress'; id: TaskId; type: string; progress: Progress }>
  | Readonly<{ kind: 'log'; id: TaskId; type: string; at: number; message: string }>

/** Events for listeners. Transitions are delivered after their commit, in order. */
export type TaskEvent =
  | Readonly<{ kind: 'transition'; id: TaskId; task: Task; entry: TimelineEntry }>
  | Report
