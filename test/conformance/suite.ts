import { describe } from 'vitest'
import { claiming } from './claiming.ts'
import { clocks } from './clocks.ts'
import { enduring } from './enduring.ts'
import { holding } from './holding.ts'
import { listing } from './listing.ts'
import { living } from './living.ts'
import { losing } from './losing.ts'
import { moves } from './moves.ts'
import { racing } from './races.ts'
import { recording } from './recording.ts'
import { resolving } from './resolving.ts'
import { settling } from './settling.ts'
import type { StoreKind } from './stores.ts'
import { submitting } from './submitting.ts'

/** What every store must do, by theme. */
export function suite(kind: StoreKind): void {
  describe(kind.name, () => {
    moves(kind)
    racing(kind)
    submitting(kind)
    claiming(kind)
    settling(kind)
    losing(kind)
    recording(kind)
    listing(kind)
    resolving(kind)
    holding(kind)
    living(kind)
    clocks(kind)
    if (kind.durable) enduring(kind)
  })
}
