import { describe } from 'vitest'
import { auditing } from './auditing.ts'
import { bounds } from './bounds.ts'
import { claiming } from './claiming.ts'
import { clocks } from './clocks.ts'
import { children } from './children.ts'
import { joins } from './joins.ts'
import { dependencies } from './dependencies.ts'
import { enduring } from './enduring.ts'
import { figures } from './figures.ts'
import { expiry } from './expiry.ts'
import { holding } from './holding.ts'
import { keys } from './keys.ts'
import { limits } from './limits.ts'
import { listing } from './listing.ts'
import { living } from './living.ts'
import { losing } from './losing.ts'
import { moves } from './moves.ts'
import { preempting } from './preempting.ts'
import { racing } from './races.ts'
import { recording } from './recording.ts'
import { resolving } from './resolving.ts'
import { schedules } from './schedules.ts'
import { settling } from './settling.ts'
import { sleeping } from './sleeping.ts'
import { steps } from './steps.ts'
import type { StoreKind } from './stores.ts'
import { submitting } from './submitting.ts'
import { uniqueness } from './uniqueness.ts'
import { waits } from './waits.ts'
import { webhooks } from './webhooks.ts'
import { workers } from './workers.ts'

/**
 * What every store must do, by topic. On an older server, only what depends on the planner and on locks; with encryption on
 * PostgreSQL, only what depends on documents.
 */
export function suite(kind: StoreKind): void {
  describe(kind.name, () => {
    listing(kind)
    if (kind.encrypts === true && kind.shared) {
      submitting(kind)
      settling(kind)
      recording(kind)
      steps(kind)
      waits(kind)
      return
    }
    racing(kind)
    claiming(kind)
    limits(kind)
    expiry(kind)
    figures(kind)
    bounds(kind)
    preempting(kind)
    if (kind.older === true) return
    moves(kind)
    submitting(kind)
    uniqueness(kind)
    dependencies(kind)
    children(kind)
    joins(kind)
    settling(kind)
    losing(kind)
    recording(kind)
    steps(kind)
    sleeping(kind)
    waits(kind)
    resolving(kind)
    holding(kind)
    keys(kind)
    auditing(kind)
    schedules(kind)
    workers(kind)
    webhooks(kind)
    living(kind)
    clocks(kind)
    if (kind.durable) enduring(kind)
  })
}
