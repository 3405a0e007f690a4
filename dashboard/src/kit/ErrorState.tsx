import { Button } from '@mantine/core'
import { isFermataError } from '../data/client.ts'
import { EmptyState } from './EmptyState.tsx'

/** A failed read: the server's message, and a way to retry. */
export function ErrorState({ error, retry }: Readonly<{ error: unknown; retry?: () => void }>) {
  const { title, detail, id } = wordsOf(error)
  return (
    <EmptyState icon="warning" title={title}>
      <p>{detail}</p>
      {id !== undefined && (
        <p>
          Request <code>{id}</code>, also in the server log
        </p>
      )}
      {retry !== undefined && (
        <Button variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </EmptyState>
  )
}

function wordsOf(error: unknown): { title: string; detail: string; id?: string | undefined } {
  if (!isFermataError(error)) return { title: 'Something went wrong on this page', detail: String(error) }
  if (error.code === 'SERVER_UNREACHABLE') {
    return {
      title: 'Server unreachable',
      detail: 'This page retries automatically. Your tasks are not affected.',
    }
  }
  return { title: error.detail, detail: `Error code: ${error.code}`, id: error.requestId }
}
