/** How long events are taken in before the page gets its turn, and how long it has at least; milliseconds. */
const turn = { events: 6, page: 10 } as const

/**
 * Takes in events until they end, in small turns: however many come, most of the time belongs to the page. What the server
 * cannot deliver meanwhile it leaves out, and says so.
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
