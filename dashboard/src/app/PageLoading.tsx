import { Button } from '@mantine/core'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { retryLoads, useLoadTrouble } from '../loading/lazy-part.ts'
import { PageSkeleton } from './PageSkeleton.tsx'

/** In place of a page while its code loads, or until it can be loaded. */
export function PageLoading() {
  const trouble = useLoadTrouble()
  if (trouble === null) return <PageSkeleton />
  if (trouble === 'missing') {
    return (
      <Page title={say.app.pageNotLoaded}>
        <EmptyState icon="warning" title={say.app.filesMissing}>
          <p>{say.app.filesMissingReasons}</p>
          <Button variant="default" onClick={() => location.reload()}>
            {say.common.reloadPage}
          </Button>
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title={say.common.serverUnreachable}>
      <EmptyState icon="plug" title={say.app.loadsWhenReachable}>
        <p>{say.app.retriesAutomatically}</p>
        <Button variant="default" onClick={retryLoads}>
          {say.common.tryAgain}
        </Button>
      </EmptyState>
    </Page>
  )
}
