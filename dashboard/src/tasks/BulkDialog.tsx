import { controlWords } from '../controls/words.ts'
import type { Control, TaskFilter } from '../data/shapes.ts'
import { Dialog } from '../kit/Dialog.tsx'
import { BulkFilter } from './BulkFilter.tsx'
import { BulkOperation } from './BulkOperation.tsx'
import { BulkRows } from './BulkRows.tsx'
import type { Begun } from './operations.ts'

/** A requested action on some rows or on all matching tasks, or a started operation. */
export type Meant =
  | Readonly<{ control: Control; ids: readonly string[] }>
  | Readonly<{ control: Control; filter: TaskFilter }>
  | Begun

type Props = Readonly<{
  meant: Meant | null
  onClose: () => void
  onBegun: (begun: Begun) => void
  onDone: () => void
}>

/** Says how many tasks are affected and how, before anything is done. */
export function BulkDialog({ meant, onClose, onBegun, onDone }: Props) {
  return (
    <Dialog
      isOpen={meant !== null}
      onClose={onClose}
      title={meant === null ? '' : controlWords[meant.control].title}
    >
      {meant !== null &&
        ('ids' in meant ? (
          <BulkRows control={meant.control} ids={meant.ids} onClose={onClose} onDone={onDone} />
        ) : 'filter' in meant ? (
          <BulkFilter control={meant.control} filter={meant.filter} onClose={onClose} onBegun={onBegun} />
        ) : (
          <BulkOperation begun={meant} onClose={onClose} />
        ))}
    </Dialog>
  )
}
