import { controlWords } from '../controls/words.ts'
import { ConfirmButton } from '../kit/ConfirmButton.tsx'
import { Icon } from '../kit/Icon.tsx'

type Props = Readonly<{ effect: string; isBusy: boolean; onCancel: () => void }>

/** Asks for confirmation, since a cancel cannot be undone. */
export function CancelButton({ effect, isBusy, onCancel }: Props) {
  return (
    <ConfirmButton
      look={{ variant: 'default', leftSection: <Icon name={controlWords.cancel.icon} /> }}
      isBusy={isBusy}
      question="Cancel this task?"
      effect={effect}
      keep="Keep task"
      confirm="Cancel task"
      onConfirm={onCancel}
    >
      {controlWords.cancel.name}
    </ConfirmButton>
  )
}
