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
      <Page title="No such task">
        <EmptyState icon="compass" title="There is no task with this id">
          <p>
            <code>{id}</code> was never submitted here, or was deleted when its time of retention was over.
          </p>
          <LinkButton to="/tasks">Look at all tasks</LinkButton>
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
