import { useEffect } from 'react'
import { useLocation } from 'wouter'
import { isFermataError } from '../data/client.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ErrorState } from '../kit/ErrorState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { PageSkeleton } from '../app/PageSkeleton.tsx'
import { Sentence } from '../kit/Sentence.tsx'
import { say } from '../language/say.ts'
import { noteVisit } from '../palette/visited.ts'
import { TaskLink } from '../kit/TaskLink.tsx'
import { TaskView } from './TaskView.tsx'
import { useTask } from './useTask.ts'

export function TaskPage({ id }: Readonly<{ id: string }>) {
  const { task, error, asOf, refetch } = useTask(id)
  const [, navigate] = useLocation()
  const whole = task?.task_id
  const type = task?.task_type
  useEffect(() => {
    if (whole === undefined || type === undefined) return
    noteVisit({ id: whole, type })
    // The address may have had only the beginning or the end of the id.
    if (whole !== id) navigate(`/tasks/${whole}`, { replace: true })
  }, [id, whole, type, navigate])
  if (task !== undefined) return <TaskView task={task} asOf={asOf} />
  if (isFermataError(error, 'TASK_UNKNOWN')) {
    return (
      <Page title={say.common.taskNotFound}>
        <EmptyState icon="compass" title={say.task.noTaskHasThisId}>
          <p>
            <Sentence of={say.task.doesNotExist(<code>{id}</code>)} />
          </p>
          <LinkButton to="/tasks">{say.common.viewAllTasks}</LinkButton>
        </EmptyState>
      </Page>
    )
  }
  if (isFermataError(error, 'TASK_ID_AMBIGUOUS')) {
    return (
      <Page title={say.task.whichTask}>
        <EmptyState icon="compass" title={say.task.severalIds(id)}>
          {error.candidates.map((candidate) => (
            <TaskLink key={candidate} id={candidate} full />
          ))}
        </EmptyState>
      </Page>
    )
  }
  return error === null ? (
    <PageSkeleton />
  ) : (
    <Page title={say.common.task}>
      <ErrorState error={error} retry={refetch} />
    </Page>
  )
}
