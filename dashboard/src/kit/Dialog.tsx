import { useEffect, useId, useRef, type ReactNode } from 'react'
import { ActionIcon } from '@mantine/core'
import { say } from '../language/say.ts'
import styles from './Dialog.module.css'
import { Icon } from './Icon.tsx'

type Props = Readonly<{
  title: string
  isOpen: boolean
  /** At the side of the page, and as high. */
  isAside?: boolean
  /** As wide as two columns need. */
  isWide?: boolean
  onClose: () => void
  children: ReactNode
}>

/** The browser's dialog element: it traps and restores focus, and closes on Escape or a click outside. */
export function Dialog({ title, isOpen, isAside = false, isWide = false, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const label = useId()
  // The event of a close comes later, when the dialog may be open again: an event of ours must not close it.
  const ownCloses = useRef(0)
  useEffect(() => {
    if (isOpen) dialog.current?.showModal()
    else if (dialog.current?.open === true) {
      ownCloses.current += 1
      dialog.current.close()
    }
  }, [isOpen])
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={dialog}
      className={isAside ? styles.aside : isWide ? styles.wide : styles.dialog}
      aria-labelledby={label}
      onClose={() => {
        if (ownCloses.current === 0) onClose()
        else ownCloses.current -= 1
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      {isOpen && (
        <div className={styles.content}>
          <header className={styles.head}>
            <h2 id={label}>{title}</h2>
            <ActionIcon variant="subtle" color="gray" aria-label={say.common.close} onClick={onClose}>
              <Icon name="close" />
            </ActionIcon>
          </header>
          {children}
        </div>
      )}
    </dialog>
  )
}
