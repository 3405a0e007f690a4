import type { FermataError, TaskEvent } from '../../client/index.ts'
import type { Row } from './row.ts'

/** Where a watcher shows what happens. */
export type View = Disposable & {
  /** A row as it is now, and the event that made it so. */
  show(row: Row, event?: TaskEvent): void
  /** A row that is of no more interest. */
  drop(id: string): void
  /** The server is away and will be tried again; undefined when it is back. */
  away(error: FermataError | undefined): void
  /** A question to whoever sits before it; undefined takes it away. */
  ask(question: string | undefined): void
}
