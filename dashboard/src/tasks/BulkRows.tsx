import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../controls/send.ts'
import { controlWords } from '../controls/words.ts'
import { isFermataError } from '../data/client.ts'
import type { Control } from '../data/shapes.ts'
import { say } from '../language/say.ts'
import { BulkBar } from './BulkBar.tsx'
import { BulkFrame } from './BulkFrame.tsx'

type Props = Readonly<{
  control: Control
  ids: readonly string[]
  onClose: () => void
  onDone: () => void
}>

/** Concurrent calls. A browser has six connections, and the stream uses one. */
const atOnce = 4

/** Sends the control to each selected row. */
export function BulkRows({ control, ids, onClose, onDone }: Props) {
  // The table clears its selection when this is done.
  const [meant] = useState(ids)
  const [done, setDone] = useState({ took: 0, refused: 0 })
  const start = useMutation({ mutationFn: () => sendAll(control, meant, setDone), onSuccess: onDone })
  const phase = start.isIdle ? 'asking' : start.isPending ? 'working' : 'done'
  return (
    <BulkFrame
      control={control}
      count={meant.length}
      phase={phase}
      error={start.error}
      onConfirm={() => start.mutate()}
      onClose={onClose}
    >
      {phase !== 'asking' && (
        <>
          <BulkBar done={done.took + done.refused} of={meant.length} />
          <p style={{ margin: '8px 0 0' }}>
            {say.tasks.changedOf(done.took, meant.length, controlWords[control].done)}
            {done.refused > 0 && `, ${say.tasks.notEligible(done.refused)}`}.
          </p>
        </>
      )}
    </BulkFrame>
  )
}

async function sendAll(
  control: Control,
  ids: readonly string[],
  tell: (done: { took: number; refused: number }) => void,
): Promise<void> {
  const waiting = ids.values()
  const done = { took: 0, refused: 0 }
  const work = async (): Promise<void> => {
    for (const id of waiting) {
      try {
        await send(control, id)
        done.took += 1
      } catch (error) {
        if (!isFermataError(error, 'CONTROL_REFUSED', 'TASK_UNKNOWN')) throw error
        done.refused += 1
      }
      tell({ ...done })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
