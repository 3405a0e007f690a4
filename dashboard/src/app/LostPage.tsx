import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'

export function LostPage() {
  return (
    <Page title={say.app.pageNotFound}>
      <EmptyState icon="compass" title={say.app.noPageAtThisAddress}>
        <p>{say.app.checkTheAddress}</p>
        <LinkButton to="/">{say.app.goToTheOverview}</LinkButton>
      </EmptyState>
    </Page>
  )
}
