import { Button, Group, Popover, type ButtonProps } from '@mantine/core'
import { useState, type ReactNode } from 'react'
import styles from './ConfirmButton.module.css'

type Props = Readonly<{
  children: string
  look: ButtonProps
  /** For screen readers, where the text alone is ambiguous. */
  label?: string | undefined
  isBusy: boolean
  /** For screen readers, such as `Cancel this task?` */
  question: string
  /** What a confirmation will do. */
  effect: ReactNode
  /** The button that does nothing. */
  keep: string
  /** The button that does it. */
  confirm: string
  onConfirm: () => void
}>

/** A button for what cannot be undone: it asks first. */
export function ConfirmButton(props: Props) {
  const { children, look, label, isBusy, question, effect, keep, confirm, onConfirm } = props
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
        <Button {...look} loading={isBusy} aria-label={label} onClick={() => setAsking(!isAsking)}>
          {children}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={question}>
        <p className={styles.effect}>{effect}</p>
        <Group justify="flex-end" gap="xs">
          <Button size="xs" variant="default" onClick={() => setAsking(false)}>
            {keep}
          </Button>
          <Button
            size="xs"
            color="red"
            data-autofocus
            onClick={() => {
              setAsking(false)
              onConfirm()
            }}
          >
            {confirm}
          </Button>
        </Group>
      </Popover.Dropdown>
    </Popover>
  )
}
