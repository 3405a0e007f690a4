import { Agent, request } from 'node:http'

/** Response times at a steady rate, in milliseconds, sorted. */
export type Latencies = readonly number[]

/**
 * Reads a URL at a steady rate, whether or not earlier responses have arrived, so that response times are measured and not
 * the queue. `rate`: requests per second; `lasts`: seconds; the first second does not count.
 */
export async function readSteadily(
  url: string,
  { rate, lasts }: Readonly<{ rate: number; lasts: number }>,
): Promise<Latencies> {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  const latencies: number[] = []
  const reads: Promise<void>[] = []
  const began = performance.now()
  for (let count = 0; count < rate * lasts; count++) {
    const due = began + (count * 1_000) / rate
    const wait = due - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const isCounted = count >= rate
    reads.push(
      read(url, agent).then((took) => {
        if (isCounted) latencies.push(took)
      }),
    )
  }
  await Promise.all(reads)
  agent.destroy()
  return latencies.sort((a, b) => a - b)
}

function read(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = performance.now()
    const sending = request(url, { agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(performance.now() - sent))
    })
    sending.on('error', reject)
    sending.end()
  })
}
