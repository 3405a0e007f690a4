import { controlWords } from '../controls/words.ts'
import type { Control, TaskFilter } from '../data/shapes.ts'
import { Dialog } from '../kit/Dialog.tsx'
import { BulkFilter } from './BulkFilter.tsx'
import { BulkRows } from './BulkRows.tsx'

/** What is to be done, and to which tasks: some rows, or all that match. */
export type Meant = Readonly<{ control: Control }> &
  (Readonly<{ ids: readonly string[] }> | Readonly<{ filter: TaskFilter }>)

type Props = Readonly<{ meant: Meant | null; onClose: () => void; onDone: () => void }>

/** Says how many tasks are meant and what will become of them, before anything is done. */
export function BulkDialog({ meant, onClose, onDone }: Props) {
  return (
    <Dialog
      isOpen={meant !== null}
      onClose={onClose}
      title={meant === null ? '' : `${controlWords[meant.control].name} tasks`}
    >
      {meant !== null &&
        ('ids' in meant ? (
          <BulkRows control={meant.control} ids={meant.ids} onClose={onClose} onDone={onDone} />
        ) : (
          <BulkFilter control={meant.control} filter={meant.filter} onClose={onClose} onDone={onDone} />
        ))}
    </Dialog>
  )
}
