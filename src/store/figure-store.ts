/**
 * What one node has counted of one type within one step of time; of all types together under an empty name. `body` is the node's own, and
 * holds no content of tasks.
 */
export type FigureRow = Readonly<{
  /** Unix milliseconds at which the step begins. */
  step: number
  /** A name of its own for each node and step, so that nobody else writes the row. */
  writer: string
  type: string
  body: string
}>

/** Where nodes keep what they have counted, each in rows of its own. Readers add them up. */
export interface FigureStore {
  /** Writes these in place of earlier ones of the same step, writer and type, and deletes some of what is before `oldest`. */
  put(rows: readonly FigureRow[], oldest: number): Promise<void>

  /** Of this type, from this step on, in any order. */
  since(step: number, type: string): Promise<readonly FigureRow[]>
}

/** Old rows that one call deletes at most. */
export const figuresForgotten = 1_000
