import { useMutation, useQuery } from '@tanstack/react-query'
import { controlWords } from '../controls/words.ts'
import { client } from '../data/client.ts'
import type { Control, Operation, TaskFilter } from '../data/shapes.ts'
import { exactCount } from '../time/words.ts'
import { BulkFrame } from './BulkFrame.tsx'

type Props = Readonly<{
  control: Control
  filter: TaskFilter
  onClose: () => void
  onDone: () => void
}>

/** All that match: counted first, then done by an operation of the server, whose progress is shown. */
export function BulkFilter({ control, filter, onClose, onDone }: Props) {
  const dry = useQuery({
    queryKey: ['dry', control, filter],
    queryFn: ({ signal }) => client.bulk(control, filter, { dryRun: true, wait: 10, signal }),
    refetchOnWindowFocus: false,
    staleTime: 0,
    gcTime: 0,
  })
  const start = useMutation({
    // The tasks that were counted, not those that have come since.
    mutationFn: () => client.bulk(control, dry.data?.filter ?? filter, { wait: 0.5 }),
    onSuccess: onDone,
  })
  const stop = useMutation({ mutationFn: (id: string) => client.cancelOperation(id) })
  const begun = start.data
  const followed = useQuery({
    queryKey: ['operation', begun?.operation_id],
    queryFn: ({ signal }) => client.getOperation(begun?.operation_id ?? '', { signal }),
    enabled: begun?.status === 'running',
    refetchInterval: ({ state }) =>
      state.data === undefined || state.data.status === 'running' ? 400 : false,
  })
  const operation = followed.data ?? begun
  const phase =
    operation === undefined
      ? start.isPending
        ? 'working'
        : 'asking'
      : operation.status === 'running'
        ? 'working'
        : 'done'
  return (
    <BulkFrame
      control={control}
      count={dry.data === undefined ? null : dry.data.matched}
      phase={phase}
      error={dry.error ?? start.error}
      onConfirm={() => start.mutate()}
      onClose={onClose}
      onStop={operation === undefined ? undefined : () => stop.mutate(operation.operation_id)}
    >
      {phase !== 'asking' && <Outcome control={control} operation={operation} of={dry.data?.matched ?? 0} />}
    </BulkFrame>
  )
}

function Outcome({
  control,
  operation,
  of,
}: Readonly<{ control: Control; operation: Operation | undefined; of: number }>) {
  if (operation === undefined) return <p>It begins…</p>
  const { changed, unchanged, refused, status, error } = operation
  const notes = [
    `${exactCount(changed)} of ${exactCount(of)} ${controlWords[control].done}`,
    ...(unchanged > 0 ? [`${exactCount(unchanged)} were so already`] : []),
    ...(refused > 0 ? [`${exactCount(refused)} could not take it any more`] : []),
  ]
  return (
    <>
      <progress
        max={Math.max(1, of)}
        value={changed + unchanged + refused}
        aria-label="How far it is"
        style={{ width: '100%' }}
      />
      <p style={{ margin: '8px 0 0' }}>
        {notes.join(', ')}.{status === 'interrupted' && ' It was interrupted: start it again for the rest.'}
        {status === 'failed' && ` It failed: ${error ?? 'without a reason'}.`}
        {status === 'cancelled' && ' It was stopped; what is done stands.'}
      </p>
    </>
  )
}
