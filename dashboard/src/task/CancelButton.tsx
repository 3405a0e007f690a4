import { Button, Group, Popover } from '@mantine/core'
import { useState } from 'react'
import { controlWords } from '../controls/words.ts'
import { Icon } from '../kit/Icon.tsx'

type Props = Readonly<{ effect: string; isBusy: boolean; onCancel: () => void }>

/** Asks for confirmation, since a cancel cannot be undone. */
export function CancelButton({ effect, isBusy, onCancel }: Props) {
  const [isAsking, setAsking] = useState(false)
  return (
    <Popover
      opened={isAsking}
      onChange={setAsking}
      width={300}
      position="bottom-end"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<Icon name={controlWords.cancel.icon} />}
          loading={isBusy}
          onClick={() => setAsking(!isAsking)}
        >
          {controlWords.cancel.name}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Cancel this task?">
        <p style={{ margin: '0 0 12px', fontSize: 13 }}>{effect}</p>
        <Group justify="flex-end" gap="xs">
          <Button size="xs" variant="default" onClick={() => setAsking(false)}>
            Keep task
          </Button>
          <Button
            size="xs"
            color="red"
            data-autofocus
            onClick={() => {
              setAsking(false)
              onCancel()
            }}
          >
            Cancel task
          </Button>
        </Group>
      </Popover.Dropdown>
    </Popover>
  )
}
