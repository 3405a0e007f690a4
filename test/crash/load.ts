import type { Chance } from '../support/chance.ts'
import type { Shown, Witness, Witnessed } from './witness.ts'

type Request = Readonly<{ type: string; parameters: object; isRight: (result: unknown) => boolean }>
type InDoubt = Readonly<{ key: string; request: Request }>

/**
 * Repeats a request that did not arrive in time, as a client does: on a busy machine, the server may first look when it has
 * expired. Throws if the server is gone.
 */
async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const answer = await fetch(url, init)
    if (answer.status !== 408) return answer
    await answer.body?.cancel()
  }
}

/** Reads a task as a client does; undefined for a 404. Throws if the server is gone. */
export async function look(url: string, id: string): Promise<Shown | undefined> {
  const answer = await ask(`${url}/api/task/${id}/status`)
  if (answer.status === 404) return undefined
  const shown = (await answer.json()) as Shown
  if (shown.status !== 'completed') return shown
  const result = await ask(`${url}/api/task/${id}/result`)
  return (await result.json()) as Shown
}

/**
 * A client that submits, reads, pauses, resumes and cancels its own tasks, one call at a time, until the server is gone.
 * Controls without a response are in doubt; submits without a response are repeated next time.
 */
export class Client {
  readonly #witness: Witness
  readonly #chance: Chance
  readonly #name: string
  readonly #mine: Witnessed[] = []
  #unanswered: InDoubt[] = []
  #keys = 0
  calls = 0

  constructor(name: string, witness: Witness, chance: Chance) {
    this.#name = name
    this.#witness = witness
    this.#chance = chance
  }

  async work(url: string, over: AbortSignal): Promise<void> {
    try {
      while (!over.aborted) {
        this.calls++
        await this.#step(url)
        await new Promise((resolve) => {
          setTimeout(resolve, this.#chance.between(0, 8))
        })
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error // the connection broke: the server was killed
    }
  }

  async #step(url: string): Promise<void> {
    const again = this.#unanswered[0]
    if (again !== undefined) {
      await this.#submit(url, again.request, again.key)
      this.#unanswered.shift()
      return
    }
    const dice = this.#chance.next()
    const task = this.#chance.of(this.#mine.slice(-40))
    if (dice < 0.5 || task === undefined) {
      const request = this.#request()
      const key = `${this.#name}-${++this.#keys}`
      this.#unanswered.push({ key, request })
      await this.#submit(url, request, key)
      this.#unanswered.shift()
    } else if (dice < 0.7) {
      if (task.inDoubt) return
      this.#witness.check(task, await look(url, task.id), false)
    } else if (dice < 0.85) {
      await this.#control(url, task, 'pause')
    } else if (dice < 0.95) {
      await this.#control(url, task, 'resume')
    } else {
      await this.#control(url, task, 'cancel')
    }
  }

  async #submit(url: string, { type, parameters, isRight }: Request, idempotency_key: string): Promise<void> {
    const answer = await ask(`${url}/api/run/${type}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ parameters, idempotency_key }),
    })
    if (answer.status !== 200)
      throw new Error(`a submit was answered ${answer.status}: ${await answer.text()}`)
    const { task_id } = (await answer.json()) as { task_id: string }
    this.#mine.push(this.#witness.acknowledged(task_id, type, isRight))
  }

  async #control(url: string, task: Witnessed, control: 'pause' | 'resume' | 'cancel'): Promise<void> {
    const before = task.inDoubt
    task.inDoubt = true
    const path = control === 'cancel' ? '' : `/${control}`
    const method = control === 'cancel' ? 'DELETE' : 'POST'
    const answer = await ask(`${url}/api/task/${task.id}${path}`, { method })
    const { status } = (await answer.json()) as { status: string | number }
    if (answer.status === 400) {
      task.inDoubt = before
      return
    }
    if (answer.status !== 200) throw new Error(`a ${control} was answered ${answer.status}`)
    // A cancel is final, so a repeated one gets the same answer. The last answer decides what must hold after a crash.
    task.requestedControl = control === 'resume' ? 'none' : control
    task.told = String(status)
    task.inDoubt = false
  }

  #request(): Request {
    const dice = this.#chance.next()
    if (dice < 0.3) {
      const [a, b] = [this.#chance.between(-1_000, 1_000), this.#chance.between(-1_000, 1_000)]
      return { type: 'add', parameters: { a, b }, isRight: (result) => result === a + b }
    }
    if (dice < 0.5) {
      const n = this.#chance.between(0, 400)
      const right = fibonacci(n)
      return { type: 'fib', parameters: { n }, isRight: (result) => String(result) === right }
    }
    const steps = this.#chance.between(2, 20)
    const duration = steps * 0.05
    const isRight = (result: unknown) =>
      (result as { steps_completed?: number } | null)?.steps_completed === steps
    return { type: 'long', parameters: { duration, steps }, isRight }
  }
}

function fibonacci(n: number): string {
  let [a, b] = [0n, 1n]
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a.toString()
}
