import { controlWords } from '../controls/words.ts'
import { ConfirmButton } from '../kit/ConfirmButton.tsx'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'

type Props = Readonly<{ effect: string; isBusy: boolean; onCancel: () => void }>

/** Asks for confirmation, since a cancel cannot be undone. */
export function CancelButton({ effect, isBusy, onCancel }: Props) {
  return (
    <ConfirmButton
      look={{ variant: 'default', leftSection: <Icon name={controlWords.cancel.icon} /> }}
      isBusy={isBusy}
      question={say.task.cancelThisTask}
      effect={effect}
      keep={say.task.keepTask}
      confirm={say.task.cancelTask}
      onConfirm={onCancel}
    >
      {controlWords.cancel.name}
    </ConfirmButton>
  )
}
