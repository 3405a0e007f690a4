import { hash } from 'node:crypto'
import type { Client } from 'pg'
import { stateOf } from './failures.ts'

/** The server keeps each of them with its plan for as long as the connection lives. */
const most = 200

/** By its text: a name means the same statement wherever it is met, even behind a pooler that tells nobody of itself. */
export class StatementNames {
  readonly #names = new Map<string, string>()

  /** Undefined when there are so many already that this one has to do without. */
  of(text: string): string | undefined {
    let name = this.#names.get(text)
    if (name === undefined && this.#names.size < most)
      this.#names.set(text, (name = `fermata_${hash('sha1', text, 'hex').slice(0, 24)}`))
    return name
  }
}

/**
 * Whether the server itself is at the other end. A pooler may give each transaction another server, which does not know the
 * statements of the one before; it also shows a process id of its own.
 */
export async function isDirect(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid === (client as Client & Readonly<{ processID?: number | null }>).processID
}

/** There is no statement of this name, or there is one already: something stands between after all. */
export function isNameTrouble(error: unknown): boolean {
  const state = stateOf(error)
  return state === '26000' || state === '42P05'
}
