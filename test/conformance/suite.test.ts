import { describe } from 'vitest'
import { arrowsAreComplete } from './moves.ts'
import { racesAreComplete } from './races.ts'
import { stores } from './stores.ts'
import { suite } from './suite.ts'

describe('the suite covers the lifecycle', () => {
  arrowsAreComplete()
  racesAreComplete()
})

// Shared stores are in a separate file, so that both run in parallel.
for (const kind of stores.filter(({ shared }) => !shared)) suite(kind)
