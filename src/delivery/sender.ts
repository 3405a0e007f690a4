/** One attempt to deliver. */
export type Message = Readonly<{ url: string; headers: Readonly<Record<string, string>>; body: string }>

/** `status`: null without an answer. `error`: why the attempt failed, for people; null if it did not. */
export type Answer = Readonly<{
  status: number | null
  error: string | null
  /** Milliseconds that the receiver asks to wait. */
  retryAfter: number | null
}>

/** Sends messages. It never throws. */
export interface Sender {
  send(message: Message): Promise<Answer>
  /** Attempts in flight end at once, without an answer. */
  close(): Promise<void>
}

/** Loads what it needs with the first message: most nodes never send one. */
export function lazySender(load: () => Promise<Sender>): Sender {
  let loading: Promise<Sender> | undefined
  return {
    async send(message) {
      loading ??= load()
      return (await loading).send(message)
    },
    async close() {
      await (await loading)?.close()
    },
  }
}
