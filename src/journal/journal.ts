import type { Logger } from '../core/logger.ts'
import type { Task, TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Report } from './event.ts'

/** A part of the node that is notified about tasks. It must not block; one that throws affects no other. */
export type Subscriber = Readonly<{
  /** This node has committed a move. */
  moved?(move: Move): void
  /** A row was read as a caller or another node left it: nothing that follows it may rely on an older one. */
  seen?(task: Task): void
  /** The task is deleted, and this node has not heard of its end: whatever waits for it must not wait any longer. */
  deleted?(id: TaskId): void
  /** Code running on this node reported progress or a log line. */
  reported?(report: Report): void
}>

/**
 * What happens to tasks on this node, published to each subscriber in subscription order, move by move. Nothing is published
 * before its commit.
 */
export class Journal {
  readonly #logger: Logger
  readonly #subscribers: Subscriber[] = []

  constructor(logger: Logger) {
    this.#logger = logger
  }

  subscribe(...subscribers: readonly Subscriber[]): void {
    this.#subscribers.push(...subscribers)
  }

  publish(moves: readonly Move[]): void {
    for (const move of moves) {
      for (const subscriber of this.#subscribers) {
        try {
          subscriber.moved?.(move)
        } catch (error) {
          this.#failed(error)
        }
      }
    }
  }

  see(task: Task): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber.seen?.(task)
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  deleted(id: TaskId): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber.deleted?.(id)
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  report(report: Report): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber.reported?.(report)
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  #failed(error: unknown): void {
    this.#logger.error({ err: error }, 'a subscriber of the journal threw')
  }
}
