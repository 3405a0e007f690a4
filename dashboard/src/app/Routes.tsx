import { lazy, Suspense } from 'react'
import { Route, Switch } from 'wouter'
import { LostPage } from './LostPage.tsx'
import { PageSkeleton } from './PageSkeleton.tsx'

const OverviewPage = lazy(() =>
  import('../overview/OverviewPage.tsx').then((room) => ({ default: room.OverviewPage })),
)
const TasksPage = lazy(() => import('../tasks/TasksPage.tsx').then((room) => ({ default: room.TasksPage })))
const TaskPage = lazy(() => import('../task/TaskPage.tsx').then((room) => ({ default: room.TaskPage })))
const SubmitPage = lazy(() =>
  import('../submit/SubmitPage.tsx').then((room) => ({ default: room.SubmitPage })),
)
const TypesPage = lazy(() => import('../types/TypesPage.tsx').then((room) => ({ default: room.TypesPage })))
const NodesPage = lazy(() => import('../nodes/NodesPage.tsx').then((room) => ({ default: room.NodesPage })))

export function Routes() {
  return (
    <Suspense fallback={<PageSkeleton />}>
      <Switch>
        <Route path="/">
          <OverviewPage />
        </Route>
        <Route path="/tasks">
          <TasksPage />
        </Route>
        <Route path="/tasks/:id">{({ id }) => <TaskPage key={id} id={id} />}</Route>
        <Route path="/submit/:type?">{({ type }) => <SubmitPage key={type} type={type} />}</Route>
        <Route path="/types">
          <TypesPage />
        </Route>
        <Route path="/nodes">
          <NodesPage />
        </Route>
        <Route>
          <LostPage />
        </Route>
      </Switch>
    </Suspense>
  )
}
