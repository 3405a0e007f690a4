import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'

export function TasksPage() {
  return (
    <Page title="Tasks">
      <EmptyState icon="list" title="Nothing to see yet" />
    </Page>
  )
}
