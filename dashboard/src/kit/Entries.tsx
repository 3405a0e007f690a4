import { Button, type ButtonProps } from '@mantine/core'
import type { ReactNode } from 'react'
import { say } from '../language/say.ts'
import { ConfirmButton } from './ConfirmButton.tsx'
import styles from './Entries.module.css'

type ListProps<T> = Readonly<{
  /** For screen readers. */
  label: string
  of: readonly T[]
  keyOf: (item: T) => string
  children: (item: T) => ReactNode
}>

/** A list of things that can be configured, with lines between them. */
export function Entries<T>({ label, of, keyOf, children }: ListProps<T>) {
  return (
    <ul className={styles.list} aria-label={label}>
      {of.map((item) => (
        <li key={keyOf(item)}>{children(item)}</li>
      ))}
    </ul>
  )
}

/** Figures in a line, each with its name after it. */
export function Tally({ of }: Readonly<{ of: readonly (readonly [name: string, figure: string])[] }>) {
  return (
    <dl className={styles.tally}>
      {of.map(([name, figure]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  )
}

type ActionsProps = Readonly<{
  /** Buttons. */
  children: ReactNode
  /** Why the last action failed. */
  error: Error | null
  /** What else belongs below the buttons. */
  below?: ReactNode
  className?: string | undefined
}>

/** What can be done to an entry, and why it failed. */
export function Actions({ children, error, below, className }: ActionsProps) {
  return (
    <div className={className ?? styles.actions}>
      <div className={styles.buttons}>{children}</div>
      {below}
      {error !== null && <div role="alert">{error.message}</div>}
    </div>
  )
}

type ActionProps = Readonly<{
  children: string
  isBusy?: boolean
  /** For screen readers, where several entries have the same button. */
  label?: string
  /** What a click does. */
  title?: string
  onClick: () => void
}>

/** The look of the buttons of an entry. */
export const actionLook = { size: 'xs', variant: 'default' } as const satisfies ButtonProps

export function ActionButton({ children, isBusy = false, label, title, onClick }: ActionProps) {
  return (
    <Button {...actionLook} loading={isBusy} aria-label={label} title={title} onClick={onClick}>
      {children}
    </Button>
  )
}

type DeleteProps = Readonly<{
  /** The word for the entry, such as `limit`. */
  what: string
  /** For screen readers, where several entries have the same button. */
  label?: string
  /** What will be gone. */
  effect: ReactNode
  isBusy: boolean
  onDelete: () => void
}>

/** Deletes an entry once that is confirmed. */
export function DeleteButton({ what, label, effect, isBusy, onDelete }: DeleteProps) {
  return (
    <ConfirmButton
      look={actionLook}
      label={label}
      isBusy={isBusy}
      question={say.kit.deleteThis(what)}
      effect={effect}
      keep={say.kit.keep(what)}
      confirm={say.kit.deleteIt(what)}
      onConfirm={onDelete}
    >
      {say.common.delete}
    </ConfirmButton>
  )
}
