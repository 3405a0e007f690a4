import { Button, Group } from '@mantine/core'
import { CopyButton } from '../kit/CopyButton.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'

/** In place of a page that has thrown an error. */
export function BrokenPage({ error, retry }: Readonly<{ error: unknown; retry: () => void }>) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return (
    <Page title={say.app.pageError}>
      <EmptyState icon="warning" title={say.app.anErrorStoppedThisPage}>
        <p>{say.app.yourTasksAreNotAffected}</p>
        <p>
          <code>{text}</code>{' '}
          <CopyButton
            text={error instanceof Error ? (error.stack ?? text) : text}
            what={say.common.theError}
          />
        </p>
        <Group justify="center">
          <Button onClick={retry}>{say.common.tryAgain}</Button>
          <Button variant="default" onClick={() => location.reload()}>
            {say.common.reloadPage}
          </Button>
        </Group>
      </EmptyState>
    </Page>
  )
}
