import { setTimeout as sleep } from 'node:timers/promises'
import type { Change } from '../engine/all-events.ts'

/** Clients are written to for so many milliseconds, then tasks get twice that. */
const turn = 2
const rests = 2
/** Characters of one write, about. */
const room = 65_536

/** A client of a broadcast. */
export type Receiver = Readonly<{
  /** Sends the text of some changes to the client, or skips it if the client is too far behind. */
  take: (text: Buffer) => void
  /** Nothing follows. */
  end: () => void
}>

export type Source = Readonly<{
  changes: (signal: AbortSignal) => AsyncIterable<Change>
  textOf: (change: Change) => string
  onError: (error: unknown) => void
}>

/**
 * Sends the same changes to many clients. Clients with the same key share one source, and changes that come close together are one write
 * for each client. However many clients there are, writing takes at most a third of the time of the event loop; under load, changes
 * arrive later, in larger writes.
 */
export class Broadcasts {
  readonly #open = new Map<string, Broadcast>()
  /** Those with changes to send. */
  readonly #ready = new Set<Broadcast>()
  #isSending = false
  /** In milliseconds of `performance.now()`: when the writes so far have had their rest. */
  #restedAt = 0

  /** `key`: the same for clients that get the same changes. Returns the function with which the client leaves. */
  join(key: string, source: Source, receiver: Receiver): () => void {
    const broadcast = this.#open.get(key) ?? this.#begin(key, source)
    broadcast.receivers.add(receiver)
    return () => {
      broadcast.receivers.delete(receiver)
      if (broadcast.receivers.size === 0) this.#end(key, broadcast)
    }
  }

  #begin(key: string, source: Source): Broadcast {
    const broadcast = new Broadcast((ready) => this.#send(ready))
    this.#open.set(key, broadcast)
    void broadcast.run(source).finally(() => {
      this.#end(key, broadcast)
      for (const { end } of broadcast.receivers) end()
    })
    return broadcast
  }

  #end(key: string, broadcast: Broadcast): void {
    if (this.#open.get(key) === broadcast) this.#open.delete(key)
    broadcast.close()
  }

  #send(broadcast: Broadcast): void {
    this.#ready.add(broadcast)
    if (this.#isSending) return
    this.#isSending = true
    // What else happens in this turn of the event loop is sent with it.
    setImmediate(() => void this.#sendReady())
  }

  async #sendReady(): Promise<void> {
    // A broadcast that becomes ready meanwhile is appended to the set.
    for (const broadcast of this.#ready) {
      this.#ready.delete(broadcast)
      const text = broadcast.taken()
      let began = performance.now()
      // Those that join meanwhile get it too, and those that leave do not.
      for (const receiver of broadcast.receivers) {
        receiver.take(text)
        const now = performance.now()
        this.#restedAt = Math.max(this.#restedAt, began) + (now - began) * (1 + rests)
        began = now
        if (this.#restedAt - now < turn * rests) continue
        await sleep(this.#restedAt - now)
        began = performance.now()
      }
    }
    this.#isSending = false
  }
}

/** Changes on their way from one source to its receivers. */
class Broadcast {
  readonly receivers = new Set<Receiver>()
  readonly #onReady: (broadcast: Broadcast) => void
  readonly #over = new AbortController()
  #text = ''
  #onTaken: (() => void) | undefined

  constructor(onReady: (broadcast: Broadcast) => void) {
    this.#onReady = onReady
  }

  async run({ changes, textOf, onError }: Source): Promise<void> {
    try {
      for await (const change of changes(this.#over.signal)) {
        this.#text += textOf(change)
        this.#onReady(this)
        // The source keeps what follows, and says when that is too much.
        if (this.#text.length >= room) await new Promise<void>((taken) => (this.#onTaken = taken))
      }
    } catch (error) {
      onError(error)
    }
  }

  /** What has been read since the last call. */
  taken(): Buffer {
    const text = Buffer.from(this.#text)
    this.#text = ''
    this.#onTaken?.()
    return text
  }

  close(): void {
    this.#over.abort()
  }
}
