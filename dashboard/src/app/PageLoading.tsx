import { Button } from '@mantine/core'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'
import { retryLoads, useLoadTrouble } from '../loading/lazy-part.ts'
import { PageSkeleton } from './PageSkeleton.tsx'

/** In place of a page while its code loads, or until it can be loaded. */
export function PageLoading() {
  const trouble = useLoadTrouble()
  if (trouble === null) return <PageSkeleton />
  if (trouble === 'missing') {
    return (
      <Page title="Page not loaded">
        <EmptyState icon="warning" title="The files of this page are missing on the server">
          <p>
            The server may be in the middle of an upgrade, or a proxy withholds files below /assets. Your
            tasks are not affected.
          </p>
          <Button variant="default" onClick={() => location.reload()}>
            Reload page
          </Button>
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title="Server unreachable">
      <EmptyState icon="plug" title="This page loads when the server is reachable again">
        <p>It retries automatically. Your tasks are not affected.</p>
        <Button variant="default" onClick={retryLoads}>
          Try again
        </Button>
      </EmptyState>
    </Page>
  )
}
