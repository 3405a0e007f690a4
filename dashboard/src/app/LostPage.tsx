import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'

export function LostPage() {
  return (
    <Page title="Page not found">
      <EmptyState icon="compass" title="No page at this address">
        <p>Check the address, or start from the overview.</p>
        <LinkButton to="/">Go to the overview</LinkButton>
      </EmptyState>
    </Page>
  )
}
