import { useMutation } from '@tanstack/react-query'
import { client } from '../data/client.ts'
import { say } from '../language/say.ts'
import { BulkBar } from './BulkBar.tsx'
import { BulkFrame } from './BulkFrame.tsx'
import { doneOf, isUnderWay, outcomeWords, useOperation, type Begun } from './operations.ts'

/** A bulk operation: its progress and outcome. It continues when the dialog is closed. */
export function BulkOperation({ begun, onClose }: Readonly<{ begun: Begun; onClose: () => void }>) {
  const { data: operation, error, refetch } = useOperation(begun.id)
  const stop = useMutation({
    mutationFn: () => client.cancelOperation(begun.id),
    onSettled: () => refetch(),
  })
  const isWorking = operation === undefined || isUnderWay(operation)
  return (
    <BulkFrame
      control={begun.control}
      count={begun.of}
      phase={isWorking ? 'working' : 'done'}
      error={stop.error ?? (operation === undefined ? error : null)}
      onConfirm={() => undefined}
      onClose={onClose}
      onStop={() => stop.mutate()}
    >
      <BulkBar done={operation === undefined ? 0 : doneOf(operation)} of={begun.of} />
      <p style={{ margin: '8px 0 0' }}>
        {operation === undefined ? say.tasks.starting : outcomeWords(begun, operation)}
      </p>
    </BulkFrame>
  )
}
