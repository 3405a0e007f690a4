/** What Ctrl+C does to watched tasks. */
export type InterruptPolicy = 'ask' | 'leave' | 'cancel'

/** The watcher has left; the watched tasks keep running. */
export class Left extends Error {
  override readonly name = 'Left'
  readonly code: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('the watcher has left')
    this.code = signal === 'SIGINT' ? 130 : 143
  }
}

export type Interrupting = Readonly<{
  policy: InterruptPolicy
  /** Shows a question, or removes it. */
  ask: (question: string | undefined) => void
  cancel: () => void
  leave: (left: Left) => void
}>

const question = 'Leave it running [l], cancel it [c], or keep watching [w]?'

/** What Ctrl+C means while watching: a question, or the chosen policy. A second one always leaves. */
export class Interrupts implements Disposable {
  readonly #options: Interrupting
  readonly #onInt = () => this.#interrupted()
  readonly #onTerm = () => this.#options.leave(new Left('SIGTERM'))
  #cancelled = false
  #key: ((bytes: Buffer) => void) | undefined

  constructor(options: Interrupting) {
    this.#options = options
    process.on('SIGINT', this.#onInt)
    process.on('SIGTERM', this.#onTerm)
  }

  [Symbol.dispose](): void {
    this.#stopAsking()
    process.off('SIGINT', this.#onInt)
    process.off('SIGTERM', this.#onTerm)
  }

  #interrupted(): void {
    const { policy } = this.#options
    if (this.#cancelled) this.#leave()
    else if (policy === 'cancel') this.#cancel()
    else if (policy === 'ask' && process.stdin.isTTY) this.#ask()
    else this.#leave()
  }

  #ask(): void {
    this.#options.ask(question)
    this.#key = (bytes) => {
      const key = bytes.toString().toLowerCase()
      if (key === 'w') this.#stopAsking()
      else if (key === 'c') this.#cancel()
      else if (['l', '\r', '\n', '\u0003', '\u001B', 'q'].includes(key)) this.#leave()
    }
    process.stdin.setRawMode(true).on('data', this.#key).resume()
  }

  #stopAsking(): void {
    if (this.#key === undefined) return
    process.stdin.off('data', this.#key).setRawMode(false).pause()
    this.#key = undefined
    this.#options.ask(undefined)
  }

  #cancel(): void {
    this.#stopAsking()
    this.#cancelled = true
    this.#options.cancel()
  }

  #leave(): void {
    this.#stopAsking()
    this.#options.leave(new Left('SIGINT'))
  }
}
