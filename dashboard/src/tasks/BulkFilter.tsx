import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../data/client.ts'
import type { Control, TaskFilter } from '../data/shapes.ts'
import { say } from '../language/say.ts'
import { BulkFrame } from './BulkFrame.tsx'
import { counted, remember, type Begun } from './operations.ts'

type Props = Readonly<{
  control: Control
  filter: TaskFilter
  onClose: () => void
  onBegun: (begun: Begun) => void
}>

/** All matching tasks: counted first, then processed by a bulk operation on the server. */
export function BulkFilter({ control, filter, onClose, onBegun }: Props) {
  const [soFar, setSoFar] = useState(0)
  const dry = useQuery({
    queryKey: ['dry', control, filter],
    queryFn: ({ signal }) => counted(control, filter, { signal, tell: setSoFar }),
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
  const count = dry.data?.matched ?? 0
  const start = useMutation({
    // The filter of the count, so tasks submitted since are not included.
    mutationFn: () => client.bulk(control, dry.data?.filter ?? filter, { wait: 0.5 }),
    onSuccess: (operation) => {
      remember(operation)
      onBegun({ id: operation.operation_id, control, of: count })
    },
  })
  return (
    <BulkFrame
      control={control}
      count={dry.data === undefined ? null : count}
      soFar={soFar}
      phase={start.isPending ? 'working' : 'asking'}
      error={dry.error ?? start.error}
      onConfirm={() => start.mutate()}
      onClose={onClose}
    >
      {start.isPending && <p style={{ margin: 0 }}>{say.tasks.starting}</p>}
    </BulkFrame>
  )
}
