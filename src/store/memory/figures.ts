import type { FigureRow, FigureStore } from '../figure-store.ts'

/** What the figures use of the store. */
export type FigureSource = Readonly<{ write<T>(run: () => T): Promise<T>; mustBeOpen(): void }>

/** The figures of the memory store. */
export class MemoryFigures implements FigureStore {
  readonly #store: FigureSource
  readonly #rows = new Map<string, FigureRow>()

  constructor(store: FigureSource) {
    this.#store = store
  }

  put(rows: readonly FigureRow[], oldest: number): Promise<void> {
    return this.#store.write(() => {
      for (const row of rows) this.#rows.set(JSON.stringify([row.step, row.writer, row.type]), row)
      for (const [key, { step }] of this.#rows) if (step < oldest) this.#rows.delete(key)
    })
  }

  async since(step: number, type: string): Promise<readonly FigureRow[]> {
    this.#store.mustBeOpen()
    return [...this.#rows.values()].filter((row) => row.type === type && row.step >= step)
  }
}
