import { describe } from 'vitest'
import { arrowsAreComplete } from './moves.ts'
import { racesAreComplete } from './races.ts'
import { stores } from './stores.ts'
import { suite } from './suite.ts'

describe('the suite covers the lifecycle', () => {
  arrowsAreComplete()
  racesAreComplete()
})

// Those on a server have a file of their own, so that they run beside these.
for (const kind of stores.filter(({ shared }) => !shared)) suite(kind)
