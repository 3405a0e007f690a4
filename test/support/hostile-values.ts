import { runInNewContext } from 'node:vm'

/** Factories of values that break code which inspects them, including test libraries. */

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function never(): never {
  throw new Error('do not look at me')
}

/** A proxy whose every trap throws. */
function untouchable(target: object): object {
  const traps = Object.getOwnPropertyNames(Reflect).map((trap) => [trap, never] as const)
  return new Proxy(target, Object.fromEntries(traps))
}

function withPart(part: string, descriptor: PropertyDescriptor): object {
  return Object.defineProperty({}, part, descriptor)
}

/** An error with a property that throws. */
function mute(part: string): Error {
  return Object.defineProperty(new Error('mute'), part, { get: never })
}

function cyclic(): Error {
  const error = new Error('one')
  error.cause = new Error('two', { cause: error })
  return error
}

export const hostile: Readonly<Record<string, () => unknown>> = {
  'a revoked proxy': () => revoked({}),
  'a revoked proxy of an error': () => revoked(new Error('gone')),
  'a revoked proxy of a function': () => revoked(() => undefined),
  'a revoked proxy of a list': () => revoked([]),
  'a proxy that throws': () => untouchable({}),
  'a proxy of an error that throws': () => untouchable(new Error('x')),
  'a proxy of a function that throws': () => untouchable(() => undefined),
  'an error without a message to read': () => mute('message'),
  'an error without a name to read': () => mute('name'),
  'an error without a stack to read': () => mute('stack'),
  'an error without a code to read': () => mute('code'),
  'an error without a cause to read': () => mute('cause'),
  'an error without errors to read': () => mute('errors'),
  'an error with a class that throws': () => mute('constructor'),
  'an error that is frozen': () => Object.freeze(new Error('frozen')),
  'an error of another realm': () => runInNewContext("new RangeError('of another realm')"),
  'an error whose causes lead back to it': cyclic,
  'an error whose cause is revoked': () => new Error('outer', { cause: revoked({}) }),
  'errors that are revoked': () => new AggregateError([revoked({}), untouchable(new Error('x'))], 'many'),
  'errors that are a revoked list': () => Object.assign(new Error('many'), { errors: revoked([]) }),
  'an error with huge parts': () =>
    Object.assign(new Error('m'.repeat(500_000)), { name: 'n'.repeat(100_000), code: 'c'.repeat(100_000) }),
  'a text of halves of characters': () => '\ud800\udc00\udc00\0',
  'an object that cannot be written': () => ({ toString: never, toJSON: never, [Symbol.toPrimitive]: never }),
  'an object that throws null when it is written': () => ({
    toJSON() {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- Handlers may.
      throw null
    },
  }),
  'an object whose text is no text': () => ({ toString: () => ({}), toJSON: undefined }),
  'an object without a prototype': () => Object.create(null) as unknown,
  'an object with a getter that throws': () =>
    Object.defineProperty({}, 'a', { get: never, enumerable: true }),
  'a thenable that throws': () => withPart('then', { value: never }),
  'a thenable that cannot be asked': () => withPart('then', { get: never }),
  'a symbol': () => Symbol('s'),
  'a large integer': () => 10n ** 100n,
  nothing: () => undefined,
}

export { never, revoked, untouchable }
