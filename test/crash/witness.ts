import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'

/** A task as the API returns it. */
export type Shown = Readonly<{
  task_id: string
  status: string
  version: number
  completed_at: number | null
  progress: { current: number } | null
  result?: unknown
  error: { code: string } | null
}>

export type Witnessed = {
  readonly id: string
  readonly type: string
  /** Whether a result is correct. */
  readonly isRight: (result: unknown) => boolean
  /** The control that was acknowledged last, and the status in its response. */
  requestedControl: 'none' | 'pause' | 'cancel'
  told: string
  /** A control was sent, and no response arrived. */
  inDoubt: boolean
  last: Shown | undefined
}

const terminal = new Set(['completed', 'failed', 'cancelled'])

/** Remembers everything that the server has acknowledged, and checks that it holds. */
export class Witness {
  readonly tasks = new Map<string, Witnessed>()
  checks = 0

  acknowledged(id: string, type: string, isRight: Witnessed['isRight']): Witnessed {
    const known = this.tasks.get(id)
    if (known !== undefined) return known
    const task: Witnessed = {
      id,
      type,
      isRight,
      requestedControl: 'none',
      told: '',
      inDoubt: false,
      last: undefined,
    }
    this.tasks.set(id, task)
    return task
  }

  poisoned(): Witnessed[] {
    return this.ended().filter(({ last }) => last?.status === 'failed')
  }

  open(): Witnessed[] {
    return [...this.tasks.values()].filter(({ last }) => last === undefined || !terminal.has(last.status))
  }

  ended(): Witnessed[] {
    return [...this.tasks.values()].filter(({ last }) => last !== undefined && terminal.has(last.status))
  }

  /** `now`: what the server returns; undefined for a 404. `restarted`: nothing was sent since the server started. */
  check(task: Witnessed, now: Shown | undefined, restarted: boolean): void {
    this.checks++
    const before = task.last
    const told = `task ${task.id} (${task.type}), ${task.requestedControl} ${task.told}, was ${JSON.stringify(before)}, is ${JSON.stringify(now)}`
    assert(now !== undefined, `an acknowledged task is lost: ${told}`)
    if (before !== undefined) {
      assert(now.version >= before.version, `its version fell: ${told}`)
      if (terminal.has(before.status))
        assert(isDeepStrictEqual(now, before), `a terminal task changed: ${told}`)
      assert(
        (now.progress?.current ?? 0) >= (before.progress?.current ?? 0),
        `its committed progress fell: ${told}`,
      )
    }
    if (now.status === 'completed') assert(task.isRight(now.result), `its result is wrong: ${told}`)
    // With a kill per second, some tasks have no time for a checkpoint between losses. Failing them is part of the promise.
    assert(now.status !== 'failed' || now.error?.code === 'POISON', `tasks here fail only by losses: ${told}`)
    if (restarted && !task.inDoubt) this.#checkRequestedControl(task, now.status, told)
    task.last = now
  }

  /** Nothing is in doubt any more once the task was seen after a restart: what it shows is what was recorded. */
  resolve(task: Witnessed): void {
    if (!task.inDoubt || task.last === undefined) return
    const { status } = task.last
    task.inDoubt = false
    task.requestedControl = status.startsWith('paus')
      ? 'pause'
      : status.startsWith('cancel')
        ? 'cancel'
        : 'none'
    task.told = status
  }

  #checkRequestedControl(task: Witnessed, status: string, told: string): void {
    switch (task.requestedControl) {
      case 'none':
        assert(
          !['paused', 'pausing', 'cancelled', 'cancelling'].includes(status),
          `nobody asked for it: ${told}`,
        )
        break
      case 'pause':
        // A response of `paused` is final; after `pausing`, the task may have completed first.
        assert(
          status === 'paused' || (task.told !== 'paused' && status === 'completed'),
          `its pause is lost: ${told}`,
        )
        break
      case 'cancel':
        assert(status === 'cancelled' || status === 'completed', `its cancel is lost: ${told}`)
    }
  }
}
