import type { NodeId, TaskId } from '../core/task.ts'

/** What nodes that share a store tell each other. Each may be lost: whoever waits for one also looks now and then. */
export type Signal =
  /** Tasks wait in the queue that the sender cannot start now. */
  | Readonly<{ kind: 'queued' }>
  /** These were changed by the sender. */
  | Readonly<{ kind: 'moved'; ids: readonly TaskId[] }>
  /** Someone at the sender waits for what becomes of these: whoever moves one of them says so, for a while. */
  | Readonly<{ kind: 'watched'; ids: readonly TaskId[] }>

export interface Signals {
  /** To all other nodes, within some tens of milliseconds. */
  send(signal: Signal): void

  /**
   * What other nodes send. The answer ends it. Whoever may use the database can send anything: what is no signal is passed
   * over, and `unreadable` hears of the first one.
   */
  hear(listener: (signal: Signal) => void, unreadable: (payload: string) => void): () => void
}

/** What the keeper of a lease has to say. */
export type LeaseNews = Readonly<{
  /** It could not be renewed and will soon be over: code that runs under it must stop now. */
  endangered(): void
  /** It was renewed after all. */
  safe(): void
  /**
   * The main thread did not take up what it was told until the lease was about to end, so that code there could not be stopped.
   * Heard when it answers again.
   */
  unheard(): void
  /** It is over: the tasks of the node are someone else's. Nothing more is heard of this node. */
  over(): void
}>

/** Renews the lease of a node, whatever the main thread does. */
export type RenewLease = (node: NodeId, news: LeaseNews) => LeaseRenewer

export type LeaseRenewer = AsyncDisposable &
  Readonly<{
    /** Whether the lease holds now. A process that was frozen can know it before it hears the news. */
    isValid: boolean
  }>

/** A connection of a caller's program on which a transaction is under way: a client of the driver fits. */
export type CallersTransaction = Readonly<{
  query(query: CallersQuery): Promise<{ readonly rows: unknown[] }>
}>

export type CallersQuery = {
  text: string
  values: unknown[]
  rowMode: 'array'
  types: { getTypeParser: (oid: number, format?: 'text' | 'binary') => (value: string) => unknown }
}
