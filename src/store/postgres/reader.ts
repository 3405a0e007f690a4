import type { TaskId } from '../../core/task.ts'
import type { Connection, Rows, Session } from './connection.ts'
import { failureOf, unavailable } from './failures.ts'
import { decodeText, encodeText } from './text.ts'

type Row = Rows[number]
type Wanted = Readonly<{ id: TaskId; resolve: (row: Row | null) => void; reject: (error: unknown) => void }>

/** So many rows with their documents in one answer. */
const rowsAtOnce = 200

/** Looks up single tasks: those that are asked for in one turn of the loop share one statement. */
export class Reader {
  readonly #connection: Connection
  readonly #waiting = new Map<string, Wanted[]>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The row that this statement answers for the id: its second column is the id. */
  row(statement: string, id: TaskId): Promise<Row | null> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(statement)
      if (waiting === undefined) {
        this.#waiting.set(statement, [{ id, resolve, reject }])
        setImmediate(() => void this.#flush(statement))
      } else {
        waiting.push({ id, resolve, reject })
      }
    })
  }

  /** Reads whatever else; once more when the connection turns out to be lost. */
  async read<T>(look: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#again(async () => look(await this.#connection.session()))
    } catch (error) {
      throw failureOf(error) === 'bug' ? error : unavailable(error, false)
    }
  }

  async #flush(statement: string): Promise<void> {
    const waiting = this.#waiting.get(statement) ?? []
    this.#waiting.delete(statement)
    for (let from = 0; from < waiting.length; from += rowsAtOnce) {
      await this.#look(statement, waiting.slice(from, from + rowsAtOnce))
    }
  }

  async #look(statement: string, wanted: readonly Wanted[]): Promise<void> {
    try {
      const ids = [...new Set(wanted.map(({ id }) => encodeText(id)))]
      const rows = await this.read((session) => session.query(statement, [ids]))
      const byId = new Map(rows.map((row) => [decodeText(row[1] as string), row]))
      for (const { id, resolve } of wanted) resolve(byId.get(id) ?? null)
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    }
  }

  async #again<T>(look: () => Promise<T>): Promise<T> {
    try {
      return await look()
    } catch (error) {
      if (failureOf(error) !== 'lost') throw error
      return await look()
    }
  }
}
