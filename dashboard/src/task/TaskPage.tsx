import { isFermataError } from '../data/client.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { PageSkeleton } from '../app/PageSkeleton.tsx'
import { TaskView } from './TaskView.tsx'
import { useTask } from './useTask.ts'

export function TaskPage({ id }: Readonly<{ id: string }>) {
  const { task, error, asOf, refetch } = useTask(id)
  if (task !== undefined) return <TaskView task={task} asOf={asOf} />
  if (isFermataError(error, 'TASK_UNKNOWN')) {
    return (
      <Page title="Task not found">
        <EmptyState icon="compass" title="No task has this ID">
          <p>
            <code>{id}</code> does not exist. It may have been deleted after its retention period.
          </p>
          <LinkButton to="/tasks">View all tasks</LinkButton>
        </EmptyState>
      </Page>
    )
  }
  return error === null ? (
    <PageSkeleton />
  ) : (
    <Page title="Task">
      <ErrorState error={error} retry={refetch} />
    </Page>
  )
}
