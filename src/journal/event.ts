import type { Progress, Task, TaskId, TimelineEntry } from '../core/task.ts'

/** Events for listeners. Transitions are delivered after their commit, in order; progress and log lines are not stored. */
export type TaskEvent =
  | Readonly<{ kind: 'transition'; id: TaskId; task: Task; entry: TimelineEntry }>
  | Readonly<{ kind: 'progress'; id: TaskId; type: string; progress: Progress }>
  | Readonly<{ kind: 'log'; id: TaskId; type: string; at: number; message: string }>
