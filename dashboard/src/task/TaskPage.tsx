import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'

export function TaskPage(_props: Readonly<{ id: string }>) {
  return (
    <Page title="Task">
      <EmptyState icon="list" title="Nothing to see yet" />
    </Page>
  )
}
