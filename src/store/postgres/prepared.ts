import { hash } from 'node:crypto'
import type { Client } from 'pg'
import { stateOf } from './failures.ts'

/** Maximum statements that the server keeps, with their plans, for the life of the connection. */
const most = 200

/** Derived from its text: a name means the same statement everywhere, even behind an undetected pooler. */
export class StatementNames {
  readonly #names = new Map<string, string>()

  /** Undefined if there are too many already. */
  of(text: string): string | undefined {
    let name = this.#names.get(text)
    if (name === undefined && this.#names.size < most)
      this.#names.set(text, (name = `fermata_${hash('sha1', text, 'hex').slice(0, 24)}`))
    return name
  }
}

/**
 * Whether the connection leads directly to a server. A pooler may give each transaction another server, which does not know
 * the statements of the previous one; it also reports its own process id.
 */
export async function isDirect(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid === (client as Client & Readonly<{ processID?: number | null }>).processID
}

/** There is no statement of this name, or there is one already: a pooler is in between after all. */
export function isNameTrouble(error: unknown): boolean {
  const state = stateOf(error)
  return state === '26000' || state === '42P05'
}
