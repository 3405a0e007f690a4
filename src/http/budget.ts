/** A share of a budget, until it is released. */
export type Share = Readonly<{
  /** Adjusts the share to the actual size. */
  resize: (bytes: number) => void
  /** Releases the share; repeating it has no effect. */
  release: () => void
}>

type PendingShare = Readonly<{ bytes: number; serve: (share: Share) => void }>

/**
 * Bytes that may be in memory at once for one purpose, over all callers. If none are left, callers queue, so that small
 * shares cannot overtake a large one forever.
 */
export class Budget {
  readonly total: number
  #left: number
  readonly #waiting = new Set<PendingShare>()

  constructor(total: number) {
    this.total = total
    this.#left = total
  }

  get isWanted(): boolean {
    return this.#waiting.size > 0
  }

  /** Undefined if the signal comes first. More than the total is granted when nobody else has anything. */
  async take(bytes: number, signal: AbortSignal): Promise<Share | undefined> {
    const wanted = Math.min(bytes, this.total)
    if (this.#waiting.size === 0 && wanted <= this.#left) return this.#share(wanted)
    if (signal.aborted) return undefined
    return new Promise((resolve) => {
      const giveUp = () => {
        this.#waiting.delete(waiting)
        resolve(undefined)
        this.#serve()
      }
      const waiting: PendingShare = {
        bytes: wanted,
        serve: (share) => {
          signal.removeEventListener('abort', giveUp)
          resolve(share)
        },
      }
      this.#waiting.add(waiting)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  #share(bytes: number): Share {
    let held = bytes
    this.#left -= bytes
    const resize = (to: number) => {
      this.#left += held - to
      held = to
      this.#serve()
    }
    let isBack = false
    const release = () => {
      if (isBack) return
      isBack = true
      resize(0)
    }
    return { resize: (to) => (isBack ? undefined : resize(to)), release }
  }

  #serve(): void {
    for (const waiting of this.#waiting) {
      if (waiting.bytes > this.#left) return
      this.#waiting.delete(waiting)
      waiting.serve(this.#share(waiting.bytes))
    }
  }
}
