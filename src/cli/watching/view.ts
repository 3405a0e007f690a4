import type { FermataError, TaskEvent } from '../../client/index.ts'
import type { Row } from './row.ts'

/** Where a watcher shows events. */
export type View = Disposable & {
  /** A row in its current state, and the event that led to it. */
  show(row: Row, event?: TaskEvent): void
  /** Removes a row. */
  drop(id: string): void
  /** The server is unreachable and will be retried; undefined when it is back. */
  away(error: FermataError | undefined): void
  /** A question to the user; undefined removes it. */
  ask(question: string | undefined): void
}
