import { useSyncExternalStore } from 'react'
import { isFermataError } from '../../../src/client/index.ts'

/** Whether the server responds. `back` listeners are notified when it does again, to reload all data. */
export class Connection {
  #away = false
  readonly #listeners = new Set<() => void>()
  readonly #back = new Set<() => void>()

  readonly isAway = (): boolean => this.#away

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onBack(listener: () => void): void {
    this.#back.add(listener)
  }

  /** The server responded, with a result or a refusal. */
  answered(): void {
    if (!this.#away) return
    this.#set(false)
    for (const listener of this.#back) listener()
  }

  failed(error: unknown): void {
    if (isAbsence(error)) this.#set(true)
    else this.answered()
  }

  #set(away: boolean): void {
    if (this.#away === away) return
    this.#away = away
    for (const listener of this.#listeners) listener()
  }
}

export const connection = new Connection()

export function useIsAway(): boolean {
  return useSyncExternalStore(connection.subscribe, connection.isAway)
}

/** There was no response, or only one from a proxy in front of an unreachable server. */
function isAbsence(error: unknown): boolean {
  if (!isFermataError(error)) return false
  return error.code === 'SERVER_UNREACHABLE' || [502, 503, 504].includes(error.status ?? 0)
}
