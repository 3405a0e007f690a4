import { lazy, useSyncExternalStore, type ComponentType } from 'react'
import { base } from '../data/base.ts'
import { CodeLoader, type Delivered, type LoadTrouble } from './code-loader.ts'

/** A part of the page whose code is loaded when it is first shown. */
export function lazyPart<Props extends object>(read: () => Promise<ComponentType<Props>>) {
  return lazy(async () => ({ default: await code.load(read) }))
}

/** A module of which the page needs something else than a component. */
export function loadCode<T>(read: () => Promise<T>): Promise<T> {
  return code.load(read)
}

/** What keeps code from loading; null while nothing does. */
export function useLoadTrouble(): LoadTrouble | null {
  return useSyncExternalStore(code.subscribe, code.trouble)
}

export function retryLoads(): void {
  code.retry()
}

const code = new CodeLoader({
  delivered,
  reload,
  pause: (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds)),
})

/** The entry names of two versions differ, since they contain a hash of the contents. */
async function delivered(): Promise<Delivered> {
  try {
    const answer = await fetch(`${base}/`, { cache: 'no-store', signal: AbortSignal.timeout(10_000) })
    if (!answer.ok) return 'none'
    return (await answer.text()).includes(entryName()) ? 'same' : 'other'
  } catch {
    return 'none'
  }
}

function entryName(): string {
  const script = document.querySelector<HTMLScriptElement>('script[type="module"][src]')
  return script?.src.split('/').at(-1) ?? ''
}

/** Minimum milliseconds between two reloads of a tab: if files are missing, another one does not help. */
const rest = 30_000
const place = 'fermata-reloaded'

function reload(): boolean {
  const last = Number(sessionStorage.getItem(place) ?? 0)
  if (Date.now() - last < rest) return false
  sessionStorage.setItem(place, String(Date.now()))
  location.reload()
  return true
}
