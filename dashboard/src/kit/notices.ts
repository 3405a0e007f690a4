import { useSyncExternalStore } from 'react'

/** A short message at the edge of the page, with something to do about it. */
export type Notice = Readonly<{
  id: number
  text: string
  action?: Readonly<{ name: string; run: () => void }>
}>

/** Milliseconds for which a notice is shown. */
const shownFor = 10_000

class Notices {
  #shown: readonly Notice[] = []
  #last = 0
  readonly #listeners = new Set<() => void>()

  readonly shown = (): readonly Notice[] => this.#shown

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  show(notice: Omit<Notice, 'id'>): void {
    const id = ++this.#last
    this.#set([...this.#shown, { ...notice, id }])
    setTimeout(() => this.dismiss(id), shownFor)
  }

  dismiss(id: number): void {
    this.#set(this.#shown.filter((one) => one.id !== id))
  }

  #set(shown: readonly Notice[]): void {
    this.#shown = shown
    for (const listener of this.#listeners) listener()
  }
}

export const notices = new Notices()

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(notices.subscribe, notices.shown)
}
