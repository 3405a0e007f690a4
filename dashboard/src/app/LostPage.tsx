import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'

export function LostPage() {
  return (
    <Page title="Nothing here">
      <EmptyState icon="compass" title="There is no page at this address">
        <p>It may have been mistyped. Everything starts from the overview.</p>
        <LinkButton to="/">Go to the overview</LinkButton>
      </EmptyState>
    </Page>
  )
}
