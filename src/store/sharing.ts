import type { NodeId, TaskId } from '../core/task.ts'

/** What nodes that share a store tell each other. Signals may be lost: whoever waits for one also polls. */
export type Signal =
  /** There are queued tasks that the sender cannot start now. */
  | Readonly<{ kind: 'queued' }>
  /** The sender has changed these tasks. */
  | Readonly<{ kind: 'moved'; ids: readonly TaskId[] }>
  /** A caller at the sender waits for changes of these tasks: nodes that change one of them report it, for a while. */
  | Readonly<{ kind: 'watched'; ids: readonly TaskId[] }>

export interface Signals {
  /** Sent to all other nodes, within some tens of milliseconds. */
  send(signal: Signal): void

  /**
   * Receives signals of other nodes. The returned function stops it. Any user of the database can send notifications:
   * invalid ones are ignored, and `unreadable` is called for the first one.
   */
  hear(listener: (signal: Signal) => void, unreadable: (payload: string) => void): () => void
}

/** Events of a lease. */
export type LeaseNews = Readonly<{
  /** It could not be renewed and will end soon: code that runs under it must stop now. */
  endangered(): void
  /** It was renewed in time. */
  safe(): void
  /**
   * The main thread did not receive the events until the lease was about to end, so code there could not be stopped.
   * Delivered when it responds again.
   */
  unheard(): void
  /** It has ended: the tasks of the node belong to others. There are no further events for this node. */
  over(): void
}>

/** Renews the lease of a node, whatever the main thread does. */
export type RenewLease = (node: NodeId, news: LeaseNews) => LeaseRenewer

export type LeaseRenewer = AsyncDisposable &
  Readonly<{
    /** Whether the lease holds now. A process that was frozen can know this before it receives the event. */
    isValid: boolean
    /** Milliseconds since the lease was last renewed. */
    age: number
  }>

/** A connection of the caller's program with an open transaction, such as a client of the driver. */
export type CallersTransaction = Readonly<{
  query(query: CallersQuery): Promise<{ readonly rows: unknown[] }>
}>

export type CallersQuery = {
  text: string
  values: unknown[]
  rowMode: 'array'
  types: { getTypeParser: (oid: number, format?: 'text' | 'binary') => (value: string) => unknown }
}
