import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'

export function SubmitPage(_props: Readonly<{ type: string | undefined }>) {
  return (
    <Page title="Submit a task">
      <EmptyState icon="send" title="Nothing to see yet" />
    </Page>
  )
}
