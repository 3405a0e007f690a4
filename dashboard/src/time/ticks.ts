import { useSyncExternalStore } from 'react'

/** One clock for the whole page. It ticks once a second while the tab is visible. */
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

/** Unix seconds now. */
export function now(): number {
  return Date.now() / 1_000
}

/** Derives a value from the current time; rerenders only when that value changes. */
export function useClock<T extends string | number>(read: (now: number) => T): T {
  return useSyncExternalStore(listen, () => read(Math.floor(now() * 5) / 5))
}

function listen(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(tick, 1_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function tick(): void {
  if (document.hidden) return
  for (const listener of listeners) listener()
}
