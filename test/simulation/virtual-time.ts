type Entry = { readonly at: number; readonly order: number; fire: (() => void) | undefined }

/** The time of a simulated world, and everything that is going to happen in it. Nothing happens but what is scheduled here. */
export class VirtualTime {
  /** Milliseconds since the world began. */
  now = 0
  #order = 0
  /** A binary heap: the earliest first, and of those at the same time the one that was scheduled first. */
  readonly #heap: Entry[] = []

  /** Calls `fire` after `ms`, in whole milliseconds as timers do; the returned function cancels it. */
  after(ms: number, fire: () => void): () => void {
    const entry: Entry = { at: this.now + Math.ceil(Math.max(0, ms)), order: ++this.#order, fire }
    this.#push(entry)
    return () => {
      entry.fire = undefined
    }
  }

  /** When the next event is due; undefined if nothing is going to happen. */
  get next(): number | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.fire !== undefined) return first.at
      this.#pop()
    }
    return undefined
  }

  /** Moves on to the next event and lets it happen. */
  step(): void {
    if (this.next === undefined) return
    const entry = this.#pop()
    this.now = entry.at
    entry.fire?.()
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(entry, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
  }

  #pop(): Entry {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
