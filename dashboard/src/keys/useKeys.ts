import { useEffect, useEffectEvent } from 'react'

/** By `KeyboardEvent.key`; with a space between, one after the other: `g t`. */
export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>

/** Milliseconds within which the second key of two must come. */
const patience = 1_000

/** Listens to keys of the whole page, but not to what is typed into a field or at a dialog. */
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

/** The key belongs to what has the focus. */
function isTaken({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.closest('dialog, [role="dialog"], [role="menu"], [role="listbox"]') !== null) return true
  if (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    return !(target instanceof HTMLInputElement && target.type === 'checkbox' && key !== ' ')
  }
  return [' ', 'Enter'].includes(key) && /^(?:A|BUTTON|SUMMARY)$/.test(target.tagName)
}
