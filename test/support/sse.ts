export type SseEvent = Readonly<{ id?: string; event: string; data: Record<string, unknown> }>

/** Server-sent events of one response as they arrive, without comments. Leaving the loop closes the connection. */
export async function* sse(url: string, headers: Record<string, string> = {}): AsyncGenerator<SseEvent> {
  const over = new AbortController()
  const response = await fetch(url, { headers, signal: over.signal })
  if (response.status === 204) return
  if (response.status !== 200 || response.body === null) {
    throw new Error(`no stream: ${response.status} ${await response.text()}`)
  }
  try {
    let rest = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map((line) => fieldOf(line)))
        const [id, event, data] = [fields.get('id'), fields.get('event'), fields.get('data')]
        if (event === undefined || data === undefined) continue
        yield {
          ...(id === undefined ? {} : { id }),
          event,
          data: JSON.parse(data) as Record<string, unknown>,
        }
      }
    }
  } finally {
    over.abort()
  }
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()]
}

/** Events up to the end of the stream, or up to the first for which `last` is true. */
export async function collect(
  events: AsyncIterable<SseEvent>,
  last?: (event: SseEvent) => boolean,
): Promise<SseEvent[]> {
  const collected: SseEvent[] = []
  for await (const event of events) {
    collected.push(event)
    if (last?.(event) === true) break
  }
  return collected
}
