import { readFileSync, statSync } from 'node:fs'
import { call } from '../chaos/calls.ts'
import type { JournalLine } from '../chaos/journal.ts'
import type { DetailsOf } from '../support/api.ts'
import { sse } from '../support/sse.ts'
import { until } from '../support/until.ts'

/** What was shown or promised to somebody outside, since the last time it was checked. */
export class Facts {
  readonly #journal: string
  /** Versions with their events, by task. */
  #shown = new Map<string, Map<number, string>>()
  /** How far handlers were told that their checkpoints are kept. */
  readonly #kept = new Map<string, number>()
  #touched = new Set<string>()
  #read = 0
  events = 0
  checkpoints = 0

  /** `journal`: where handlers write down what they were told. */
  constructor(journal: string) {
    this.#journal = journal
  }

  /** Listens to all that a server shows, until it is gone. */
  async listen(url: string): Promise<void> {
    try {
      for await (const { event, data } of sse(`${url}/api/events`)) {
        if (event !== 'transition') continue
        const {
          task_id: id,
          version,
          event: name,
        } = data as { task_id: string; version: number; event: string }
        const versions = this.#shown.get(id) ?? new Map<number, string>()
        this.#shown.set(id, versions.set(version, name))
        this.events += 1
      }
    } catch (error) {
      // The connection broke: the server was killed.
      if (!(error instanceof TypeError)) throw error
    }
  }

  /** Each is still so. Answers what is not. */
  async check(url: string): Promise<string[]> {
    this.#readJournal()
    const ids = [...new Set([...this.#shown.keys(), ...this.#touched])]
    const lost: string[] = []
    for (let at = 0; at < ids.length; at += 16) {
      await Promise.all(
        ids.slice(at, at + 16).map(async (id) => {
          const answer = await until(`the task ${id} is shown`, async () => {
            const reached = await call(url, 'GET', `/api/task/${id}`)
            return reached.kind === 'answered' ? reached : undefined
          })
          if (answer.status === 404) lost.push(`a task that was shown is lost: ${id}`)
          else lost.push(...this.#checkOne(answer.body as DetailsOf))
        }),
      )
    }
    this.#shown = new Map()
    this.#touched = new Set()
    return lost
  }

  #checkOne({ task_id: id, timeline, checkpoint, status }: DetailsOf): string[] {
    const lost: string[] = []
    const there = new Map(timeline.map(({ version, event }) => [version, event]))
    for (const [version, event] of this.#shown.get(id) ?? []) {
      if (there.get(version) === event) continue
      lost.push(`an event that was shown is lost: ${id}, ${version} ${event}, is ${there.get(version)}`)
    }
    const kept = this.#kept.get(id) ?? 0
    const next = (checkpoint as { next?: number } | null)?.next ?? 0
    const isOpen = !['completed', 'failed', 'cancelled'].includes(status)
    if (isOpen && next < kept) lost.push(`a checkpoint is lost: ${id} is at ${next}, after a durable ${kept}`)
    return lost
  }

  /** The whole lines that were added to it: the last one may still be being written. */
  #readJournal(): void {
    if (statSync(this.#journal, { throwIfNoEntry: false }) === undefined) return
    const text = readFileSync(this.#journal, 'utf8')
    const end = text.lastIndexOf('\n') + 1
    const added = text.slice(this.#read, end)
    this.#read = end
    for (const line of added.split('\n')) {
      if (line === '') continue
      const { id, what, next } = JSON.parse(line) as JournalLine
      if (what !== 'durable') continue
      this.checkpoints += 1
      this.#touched.add(id)
      this.#kept.set(id, Math.max(this.#kept.get(id) ?? 0, next))
    }
  }
}
