import { lazy, Suspense } from 'react'
import { Route, Switch } from 'wouter'
import { useMe } from '../access/me.ts'
import { isLimited } from '../access/rights.ts'
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
const SchedulesPage = lazy(() =>
  import('../schedules/SchedulesPage.tsx').then((room) => ({ default: room.SchedulesPage })),
)
const SchedulePage = lazy(() =>
  import('../schedules/SchedulePage.tsx').then((room) => ({ default: room.SchedulePage })),
)
const TypesPage = lazy(() => import('../types/TypesPage.tsx').then((room) => ({ default: room.TypesPage })))
const NodesPage = lazy(() => import('../nodes/NodesPage.tsx').then((room) => ({ default: room.NodesPage })))

const AuditPage = lazy(() => import('../audit/AuditPage.tsx').then((room) => ({ default: room.AuditPage })))
const KeysPage = lazy(() => import('../access/KeysPage.tsx').then((room) => ({ default: room.KeysPage })))

export function Routes() {
  const me = useMe()
  return (
    <Suspense fallback={<PageSkeleton />}>
      <Switch>
        <Route path="/">{me !== undefined && isLimited(me) ? <TasksPage /> : <OverviewPage />}</Route>
        <Route path="/tasks">
          <TasksPage />
        </Route>
        <Route path="/tasks/:id">{({ id }) => <TaskPage key={id} id={id} />}</Route>
        <Route path="/submit/:type?">{({ type }) => <SubmitPage key={type} type={type} />}</Route>
        <Route path="/schedules">
          <SchedulesPage />
        </Route>
        <Route path="/schedules/:id">{({ id }) => <SchedulePage key={id} id={id} />}</Route>
        <Route path="/types">
          <TypesPage />
        </Route>
        <Route path="/nodes">
          <NodesPage />
        </Route>
        <Route path="/keys">
          <KeysPage />
        </Route>
        <Route path="/audit">
          <AuditPage />
        </Route>
        <Route>
          <LostPage />
        </Route>
      </Switch>
    </Suspense>
  )
}
