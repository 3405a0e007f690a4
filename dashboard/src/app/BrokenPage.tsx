import { Button, Group } from '@mantine/core'
import { CopyButton } from '../kit/CopyButton.tsx'
import { EmptyState } from '../kit/EmptyState.tsx'
import { Page } from '../kit/Page.tsx'

/** In place of a page that has thrown an error. */
export function BrokenPage({ error, retry }: Readonly<{ error: unknown; retry: () => void }>) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return (
    <Page title="Page error">
      <EmptyState icon="warning" title="An error stopped this page">
        <p>Your tasks are not affected. Try again, or open another page.</p>
        <p>
          <code>{text}</code>{' '}
          <CopyButton text={error instanceof Error ? (error.stack ?? text) : text} what="the error" />
        </p>
        <Group justify="center">
          <Button onClick={retry}>Try again</Button>
          <Button variant="default" onClick={() => location.reload()}>
            Reload page
          </Button>
        </Group>
      </EmptyState>
    </Page>
  )
}
