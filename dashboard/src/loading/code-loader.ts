/** What a load is waiting for: the server, or the reader, because the files of the page are not there. */
export type LoadTrouble = 'unreachable' | 'missing'

/** Whether the server delivers the page that runs here, another version of it, or nothing. */
export type Delivered = 'same' | 'other' | 'none'

export type CodeLoaderOptions = Readonly<{
  delivered: () => Promise<Delivered>
  /** Loads the page again at its current address; false if it did so a moment ago, to no avail. */
  reload: () => boolean
  /** Resolves after so many milliseconds. */
  pause: (milliseconds: number) => Promise<void>
}>

/** Milliseconds before the second and third attempt, and between two looks for a server that was unreachable. */
const pauses = [400, 1_500] as const
const lookEvery = 2_000

/**
 * Loads code that is split from the first page. A load that fails is repeated; then it waits for the server, and reloads the
 * page, since a newer version names its files differently, and since browsers may remember that a file could not be loaded.
 * Loads never fail: while one waits, `trouble` says what for.
 */
export class CodeLoader {
  readonly #options: CodeLoaderOptions
  readonly #listeners = new Set<() => void>()
  #trouble: LoadTrouble | null = null
  #wake: (() => void) | undefined

  constructor(options: CodeLoaderOptions) {
    this.#options = options
  }

  readonly trouble = (): LoadTrouble | null => this.#trouble

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Looks for the server now. */
  retry(): void {
    this.#wake?.()
  }

  async load<T>(read: () => Promise<T>): Promise<T> {
    for (const wait of [...pauses, 0]) {
      try {
        return await read()
      } catch {
        if ((await this.#options.delivered()) !== 'same') break
        await this.#options.pause(wait)
      }
    }
    return this.#wait()
  }

  /** Ends with a reload. */
  async #wait(): Promise<never> {
    for (;;) {
      const isThere = (await this.#options.delivered()) !== 'none'
      if (isThere && this.#options.reload()) return new Promise(() => {})
      this.#set(isThere ? 'missing' : 'unreachable')
      const asked = new Promise<void>((resolve) => (this.#wake = resolve))
      await Promise.race([this.#options.pause(lookEvery), asked])
    }
  }

  #set(trouble: LoadTrouble): void {
    this.#trouble = trouble
    for (const listener of this.#listeners) listener()
  }
}
