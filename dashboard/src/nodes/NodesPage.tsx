import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'

export function NodesPage() {
  return (
    <Page title="Nodes">
      <EmptyState icon="server" title="Nothing to see yet" />
    </Page>
  )
}
