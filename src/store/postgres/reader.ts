import type { TaskId } from '../../core/task.ts'
import type { Rows } from './connection.ts'
import type { Lanes } from './lanes.ts'
import { decodeText, encodeText } from './text.ts'

type Row = Rows[number]
type Wanted = Readonly<{ id: TaskId; resolve: (row: Row | null) => void; reject: (error: unknown) => void }>

/** Maximum rows with documents per response. */
const rowsAtOnce = 200

/** Reads single tasks: those requested in one turn of the event loop share one statement. */
export class Reader {
  readonly #lanes: Lanes
  readonly #waiting = new Map<string, Wanted[]>()

  constructor(lanes: Lanes) {
    this.#lanes = lanes
  }

  /** The row that this statement returns for the id, which is its second column. */
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

  async #flush(statement: string): Promise<void> {
    const waiting = this.#waiting.get(statement) ?? []
    this.#waiting.delete(statement)
    try {
      for (let from = 0; from < waiting.length; from += rowsAtOnce) {
        await this.#look(statement, waiting.slice(from, from + rowsAtOnce))
      }
    } catch (error) {
      // Later ones of this turn would wait for the same lock.
      for (const { reject } of waiting) reject(error)
    }
  }

  async #look(statement: string, wanted: readonly Wanted[]): Promise<void> {
    const ids = [...new Set(wanted.map(({ id }) => encodeText(id)))]
    const rows = await this.#lanes.read('tasks', (session) => session.query(statement, [ids]))
    const byId = new Map(rows.map((row) => [decodeText(row[1] as string), row]))
    for (const { id, resolve } of wanted) resolve(byId.get(id) ?? null)
  }
}
