import { Suspense } from 'react'
import { Route, Switch, useLocation } from 'wouter'
import { useMe } from '../access/me.ts'
import { isLimited } from '../access/rights.ts'
import { Boundary } from '../kit/Boundary.tsx'
import { BrokenPage } from './BrokenPage.tsx'
import { lazyPart } from '../loading/lazy-part.ts'
import { LostPage } from './LostPage.tsx'
import { PageLoading } from './PageLoading.tsx'

const OverviewPage = lazyPart(() => import('../overview/OverviewPage.tsx').then((room) => room.OverviewPage))
const TasksPage = lazyPart(() => import('../tasks/TasksPage.tsx').then((room) => room.TasksPage))
const TaskPage = lazyPart(() => import('../task/TaskPage.tsx').then((room) => room.TaskPage))
const FailuresPage = lazyPart(() => import('../failures/FailuresPage.tsx').then((room) => room.FailuresPage))
const WaitsPage = lazyPart(() => import('../waits/WaitsPage.tsx').then((room) => room.WaitsPage))
const SubmitPage = lazyPart(() => import('../submit/SubmitPage.tsx').then((room) => room.SubmitPage))
const SchedulesPage = lazyPart(() =>
  import('../schedules/SchedulesPage.tsx').then((room) => room.SchedulesPage),
)
const SchedulePage = lazyPart(() => import('../schedules/SchedulePage.tsx').then((room) => room.SchedulePage))
const LimitsPage = lazyPart(() => import('../limits/LimitsPage.tsx').then((room) => room.LimitsPage))
const LimitPage = lazyPart(() => import('../limits/LimitPage.tsx').then((room) => room.LimitPage))
const WebhooksPage = lazyPart(() => import('../webhooks/WebhooksPage.tsx').then((room) => room.WebhooksPage))
const WebhookPage = lazyPart(() => import('../webhooks/WebhookPage.tsx').then((room) => room.WebhookPage))
const TypesPage = lazyPart(() => import('../types/TypesPage.tsx').then((room) => room.TypesPage))
const TypePage = lazyPart(() => import('../types/TypePage.tsx').then((room) => room.TypePage))
const NodesPage = lazyPart(() => import('../nodes/NodesPage.tsx').then((room) => room.NodesPage))
const AuditPage = lazyPart(() => import('../audit/AuditPage.tsx').then((room) => room.AuditPage))
const KeysPage = lazyPart(() => import('../access/KeysPage.tsx').then((room) => room.KeysPage))

export function Routes() {
  const me = useMe()
  const [path] = useLocation()
  return (
    <Boundary resetOn={path} fallback={(error, retry) => <BrokenPage error={error} retry={retry} />}>
      <Suspense fallback={<PageLoading />}>
        <Switch>
          <Route path="/">{me !== undefined && isLimited(me) ? <TasksPage /> : <OverviewPage />}</Route>
          <Route path="/tasks">
            <TasksPage />
          </Route>
          <Route path="/tasks/:id">{({ id }) => <TaskPage key={id} id={id} />}</Route>
          <Route path="/failures">
            <FailuresPage />
          </Route>
          <Route path="/waits">
            <WaitsPage />
          </Route>
          <Route path="/submit/:type?">{({ type }) => <SubmitPage key={type} type={type} />}</Route>
          <Route path="/schedules">
            <SchedulesPage />
          </Route>
          <Route path="/schedules/:id">{({ id }) => <SchedulePage key={id} id={id} />}</Route>
          <Route path="/limits">
            <LimitsPage />
          </Route>
          <Route path="/limits/:name">{({ name }) => <LimitPage key={name} name={name} />}</Route>
          <Route path="/webhooks">
            <WebhooksPage />
          </Route>
          <Route path="/webhooks/:id">{({ id }) => <WebhookPage key={id} id={id} />}</Route>
          <Route path="/types">
            <TypesPage />
          </Route>
          <Route path="/types/:type">{({ type }) => <TypePage key={type} name={type} />}</Route>
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
    </Boundary>
  )
}
