import { Card } from '../kit/Card.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { LinkButton } from '../kit/LinkButton.tsx'
import { Page } from '../kit/Page.tsx'

export function OverviewPage() {
  return (
    <Page title="Overview">
      <Card title="Running">
        <EmptyState icon="gauge" title="Nothing runs">
          <LinkButton to="/submit">Submit a task</LinkButton>
        </EmptyState>
      </Card>
    </Page>
  )
}
