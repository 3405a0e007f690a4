import { figuresForgotten, type FigureRow, type FigureStore } from '../figure-store.ts'
import type { Rows, Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the figures use of the store. */
export type FigureSource = Readonly<{
  sql: Statements
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** Figures, in a table of their own. A write can be repeated: it replaces what the same node has written. */
export class PostgresFigures implements FigureStore {
  readonly #store: FigureSource

  constructor(store: FigureSource) {
    this.#store = store
  }

  put(rows: readonly FigureRow[], oldest: number): Promise<void> {
    return this.#store.alone(async (tx) => {
      const { putFigures, forgetFigures } = tx.source.sql
      tx.write(putFigures, figureColumns(rows))
      tx.write(forgetFigures, [oldest, figuresForgotten])
    })
  }

  since(step: number, type: string): Promise<readonly FigureRow[]> {
    return this.#store.read(async (session) =>
      (await session.query(this.#store.sql.figuresSince, [encodeText(type), step])).map(figureFrom),
    )
  }
}

export function figureColumns(rows: readonly FigureRow[]) {
  return [
    rows.map(({ step }) => step),
    rows.map(({ writer }) => writer),
    rows.map(({ type }) => encodeText(type)),
    rows.map(({ body }) => body),
  ]
}

export function figureFrom([step, writer, type, body]: Rows[number]): FigureRow {
  return {
    step: step as number,
    writer: writer as string,
    type: decodeText(type as string),
    body: body as string,
  }
}
