import { Button } from '@mantine/core'
import { isFermataError } from '../data/client.ts'
import { say } from '../language/say.ts'
import { EmptyState } from './EmptyState.tsx'
import { Sentence } from './Sentence.tsx'

/** A failed read: the server's message, and a way to retry. */
export function ErrorState({ error, retry }: Readonly<{ error: unknown; retry?: () => void }>) {
  const { title, detail, id } = wordsOf(error)
  return (
    <EmptyState icon="warning" title={title}>
      <p>{detail}</p>
      {id !== undefined && (
        <p>
          <Sentence of={say.kit.request(<code>{id}</code>)} />
        </p>
      )}
      {retry !== undefined && (
        <Button variant="default" onClick={retry}>
          {say.common.tryAgain}
        </Button>
      )}
    </EmptyState>
  )
}

function wordsOf(error: unknown): { title: string; detail: string; id?: string | undefined } {
  if (!isFermataError(error)) return { title: say.kit.somethingWentWrong, detail: String(error) }
  if (error.code === 'SERVER_UNREACHABLE') {
    return {
      title: say.common.serverUnreachable,
      detail: say.kit.retriesAutomatically,
    }
  }
  return { title: error.detail, detail: say.kit.errorCode(error.code), id: error.requestId }
}
