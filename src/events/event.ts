import type { Progress, Task, TaskId, TimelineEntry } from '../core/task.ts'

/** What listeners hear. Transitions are heard after their commit, in order; progress and log lines are not kept. */
export type TaskEvent =
  | Readonly<{ kind: 'transition'; id: TaskId; task: Task; entry: TimelineEntry }>
  | Readonly<{ kind: 'progress'; id: TaskId; type: string; progress: Progress }>
  | Readonly<{ kind: 'log'; id: TaskId; type: string; at: number; message: string }>
