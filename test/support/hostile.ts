import * as fc from 'fast-check'
import { hostile, never, revoked, untouchable } from './hostile-values.ts'

/** Factories of values, since the library that draws them inspects what it draws. */
type Maker = () => unknown

const anything: fc.Arbitrary<Maker> = fc
  .anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  })
  .map((value) => () => value)

const oddity: fc.Arbitrary<Maker> = fc.constantFrom(
  ...Object.values(hostile),
  () => revoked([]),
  () => untouchable([]),
)

/** An error with a property that throws when read, or has a strange value. */
const twisted: fc.Arbitrary<Maker> = fc
  .tuple(
    fc.constantFrom('message', 'name', 'stack', 'code', 'cause', 'errors', 'toString', 'toJSON', 'then'),
    fc.oneof(fc.constant(undefined), anything, oddity),
    fc.boolean(),
  )
  .map(([part, make, isFrozen]) => () => {
    const descriptor = make === undefined ? { get: never } : { value: make() }
    const error = Object.defineProperty(new Error('twisted'), part, { ...descriptor, configurable: true })
    return isFrozen ? Object.freeze(error) : error
  })

/** Anything that a handler can throw. */
export const thrown: fc.Arbitrary<Maker> = fc.oneof(
  anything,
  oddity,
  twisted,
  fc.oneof(oddity, twisted).map((make) => () => new Error('outer', { cause: make() })),
  fc
    .array(fc.oneof(oddity, twisted), { maxLength: 4 })
    .map((makers) => () => new AggregateError(makers.map((make) => make()))),
)
