import { VisuallyHidden } from '@mantine/core'
import type { TaskDetails } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { say } from '../language/say.ts'

/** For screen readers: the status, and the progress at every ten percent. */
export function Announcement({ task }: Readonly<{ task: TaskDetails }>) {
  const { status, progress } = task
  const tenth = Math.floor((progress?.ratio ?? 0) * 10) * 10
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {status === 'running' && tenth > 0
        ? say.task.isWithProgress(statusName(status), tenth)
        : say.task.is(statusName(status))}
    </VisuallyHidden>
  )
}
