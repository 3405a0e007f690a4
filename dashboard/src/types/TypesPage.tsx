import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'

export function TypesPage() {
  return (
    <Page title="Types">
      <EmptyState icon="shapes" title="Nothing to see yet" />
    </Page>
  )
}
