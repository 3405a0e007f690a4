import { figuresForgotten, type FigureRow, type FigureStore } from '../figure-store.ts'
import type { Effect } from './commits.ts'
import type { Statements } from './statements.ts'

/** What the figures use of the store. */
export type FigureSource = Readonly<{
  sql(): Statements
  write<T>(run: () => T, effect: Effect): Promise<T>
  read<T>(look: () => T): T
}>

/** Figures, in a table of their own. */
export class SqliteFigures implements FigureStore {
  readonly #store: FigureSource

  constructor(store: FigureSource) {
    this.#store = store
  }

  put(rows: readonly FigureRow[], oldest: number): Promise<void> {
    return this.#store.write(() => {
      const sql = this.#store.sql()
      for (const row of rows) putFigure(sql, row)
      sql.forgetFigures.run(oldest, figuresForgotten)
    }, 'adds')
  }

  async since(step: number, type: string): Promise<readonly FigureRow[]> {
    return this.#store.read(() =>
      (this.#store.sql().figuresSince.all(type, step) as unknown as FigureValues[]).map(figureFrom),
    )
  }
}

export type FigureValues = readonly [step: number, writer: string, type: string, body: string]

export function putFigure(sql: Statements, { step, writer, type, body }: FigureRow): void {
  sql.putFigure.run(step, writer, type, body)
}

export function figureFrom([step, writer, type, body]: FigureValues): FigureRow {
  return { step, writer, type, body }
}
