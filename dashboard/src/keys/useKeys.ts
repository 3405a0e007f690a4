import { useEffect, useEffectEvent } from 'react'

/** By `KeyboardEvent.key`; sequences are separated by a space: `g t`. */
export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>

/** Maximum milliseconds between the keys of a sequence. */
const patience = 1_000

/** Handles keys on the whole page, except in input fields and while a dialog is open. */
export function useKeys(keys: Keys): void {
  const handle = useEffectEvent((event: KeyboardEvent, before: string | undefined) => {
    const both = before === undefined ? undefined : keys[`${before} ${event.key}`]
    const action = both ?? keys[event.key]
    if (action === undefined) return
    event.preventDefault()
    action(event)
  })
  useEffect(() => {
    let last: { key: string; at: number } | undefined
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTaken(event)) return
      const before = last !== undefined && event.timeStamp - last.at < patience ? last.key : undefined
      last = { key: event.key, at: event.timeStamp }
      handle(event, before)
    }
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [])
}

/** Whether the focused element handles this key itself. */
function isTaken({ target, key }: KeyboardEvent): boolean {
  if (document.querySelector('dialog[open], [role="dialog"], [role="menu"]') !== null) return true
  if (!(target instanceof HTMLElement)) return false
  if (target.closest('[role="listbox"]') !== null) return true
  if (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    return !(target instanceof HTMLInputElement && target.type === 'checkbox' && key !== ' ')
  }
  return [' ', 'Enter'].includes(key) && /^(?:A|BUTTON|SUMMARY)$/.test(target.tagName)
}
