import { setTimeout as sleep } from 'node:timers/promises'

type Acknowledged = Readonly<{ id: string; at: number; sum: number }>

/** Maximum milliseconds per call. */
const patience = 10_000

/** Callers that submit small tasks through all nodes and record the responses and their times. */
export class Load {
  readonly acknowledged: Acknowledged[] = []
  readonly #urls: readonly string[]
  readonly #over = new AbortController()
  readonly #callers: Promise<void>[]
  refused = 0

  constructor(urls: readonly string[], callers: number) {
    this.#urls = urls
    this.#callers = Array.from({ length: callers }, (_, index) => this.#call(index))
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#callers)
  }

  /** Milliseconds from `since` to the first acknowledged submit after it; undefined while there is none. */
  firstAfter(since: number): number | undefined {
    const found = this.acknowledged.find(({ at }) => at > since)
    return found === undefined ? undefined : found.at - since
  }

  /** Each acknowledged task completes with its sum. Returns those that are lost or wrong. */
  async verify(): Promise<string[]> {
    const wrong: string[] = []
    for (const [index, { id, sum }] of this.acknowledged.entries()) {
      const url = this.#urls[index % this.#urls.length]
      const answer = await fetch(`${url}/api/task/${id}/result?wait=30`)
      const { result } = (await answer.json()) as { result?: unknown }
      if (answer.status !== 200 || result !== sum)
        wrong.push(`${id}: ${answer.status} ${JSON.stringify(result)}`)
    }
    return wrong
  }

  /** Sends each task with its key until it is acknowledged, so that it exists once. */
  async #call(caller: number): Promise<void> {
    for (let n = 0; !this.#over.signal.aborted; n++) {
      const parameters = { a: caller, b: n }
      const body = JSON.stringify({ parameters, idempotency_key: `${caller}-${n}` })
      for (let tries = 0; !this.#over.signal.aborted; tries++) {
        const url = this.#urls[(caller + n + tries) % this.#urls.length]
        const id = await this.#submit(`${url}/api/run/add`, body)
        if (id === undefined) {
          this.refused += 1
          await sleep(100)
          continue
        }
        this.acknowledged.push({ id, at: performance.now(), sum: caller + n })
        break
      }
      await sleep(10)
    }
  }

  async #submit(url: string, body: string): Promise<string | undefined> {
    try {
      const headers = { 'content-type': 'application/json' }
      const signal = AbortSignal.timeout(patience)
      const answer = await fetch(url, { method: 'POST', headers, body, signal })
      const { task_id: id } = (await answer.json()) as { task_id?: string }
      return answer.status === 200 ? id : undefined
    } catch {
      return undefined
    }
  }
}
