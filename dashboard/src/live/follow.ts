/** How long events are processed before the page gets its turn, and how long that turn lasts at least, in milliseconds. */
const turn = { events: 6, page: 10 } as const

/**
 * Processes events in short turns, so that most of the time belongs to the page however many arrive. The server skips what
 * it cannot deliver in the meantime, and says so.
 */
export async function follow<T>(events: AsyncIterable<T>, take: (event: T) => void): Promise<void> {
  let begun = performance.now()
  for await (const event of events) {
    take(event)
    if (performance.now() - begun < turn.events) continue
    await new Promise((resolve) => setTimeout(resolve, turn.page))
    begun = performance.now()
  }
}
