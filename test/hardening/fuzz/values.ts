import * as fc from 'fast-check'
import type { ApiDocument, Schema } from './document.ts'

type Arbitrary = fc.Arbitrary<unknown>

/**
 * Values that a schema allows. What it cannot express, such as that an id must exist, is left to markers like
 * `{{task_id:7}}`, which are replaced with values that the server has returned.
 */
export class Values {
  readonly #document: ApiDocument

  constructor(document: ApiDocument) {
    this.#document = document
  }

  of(schema: Schema, name: string, depth = 0): Arbitrary {
    const resolved = this.#document.resolve(schema)
    const hints = [resolved['example'], resolved['default'], ...items(resolved['examples'])].filter(
      (hint) => hint !== undefined,
    )
    const made = depth > 6 ? fc.constant(null) : this.#made(resolved, name, depth)
    const known = isText(resolved) && ofServer.test(name) ? [fc.nat(10_000).map(marker(name))] : []
    return weighed([
      [2, hints.length === 0 ? undefined : fc.constantFrom(...hints)],
      [4, known[0]],
      [3, made],
    ])
  }

  #made(schema: Schema, name: string, depth: number): Arbitrary {
    if ('const' in schema) return fc.constant(schema['const'])
    if ('enum' in schema) return fc.constantFrom(...items(schema['enum']))
    const either = [...items(schema['anyOf']), ...items(schema['oneOf'])] as Schema[]
    if (either.length > 0) return fc.oneof(...either.map((one) => this.of(one, name, depth + 1)))
    const all = items(schema['allOf']) as Schema[]
    if (all.length > 0) {
      return fc.tuple(...all.map((one) => this.of(one, name, depth + 1))).map((parts) => merged(parts))
    }
    const types = [schema['type']].flat()
    if (types.length > 1) {
      return fc.oneof(...types.map((type) => this.#made({ ...schema, type }, name, depth)))
    }
    return this.#typed(schema, name, depth)
  }

  #typed(schema: Schema, name: string, depth: number): Arbitrary {
    const least = numberOr(schema['minimum'] ?? schema['exclusiveMinimum'], 0)
    const most = Math.max(least, numberOr(schema['maximum'] ?? schema['exclusiveMaximum'], 1e6))
    switch (schema['type']) {
      case 'integer':
        return fc.integer({ min: Math.ceil(least), max: Math.floor(most) })
      case 'number':
        return fc.oneof(
          fc.double({ min: least, max: most, noNaN: true, noDefaultInfinity: true }),
          fc.integer({ min: 0, max: 10_000 }).map((part) => least + ((most - least) * part) / 10_000),
        )
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      case 'string':
        return text(schema)
      case 'array': {
        const minLength = numberOr(schema['minItems'], 0)
        const maxLength = Math.max(minLength, Math.min(numberOr(schema['maxItems'], 5), 5))
        return fc.array(this.of((schema['items'] ?? {}) as Schema, name, depth + 1), { minLength, maxLength })
      }
      case 'object':
        return this.#object(schema, depth)
      default:
        return fc.jsonValue({ maxDepth: 2 })
    }
  }

  #object(schema: Schema, depth: number): Arbitrary {
    const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)
    const record = fc.record(
      Object.fromEntries(properties.map(([name, shape]) => [name, this.of(shape, name, depth + 1)])),
      { requiredKeys: items(schema['required']) as never[] },
    )
    const others = schema['additionalProperties']
    if (typeof others !== 'object' || others === null) return record
    const more = fc.dictionary(fc.string(), this.of(others as Schema, '', depth + 1), { maxKeys: 3 })
    return fc.tuple(more, record).map((parts) => merged(parts))
  }
}

/** Names of values that only the server can provide. */
const ofServer = /(?:^|_)(?:id|type|cursor|after|token)$/

export const marker = (name: string) => (at: number) => `{{${name}:${at}}}`

/** JSON values that break programs. Broken text is in `breaks` in `requests.ts`. */
export const nasty: Arbitrary = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -0,
    -1,
    1.5,
    9_007_199_254_740_992,
    -9_007_199_254_740_992,
    1e308,
    5e-324,
    2_147_483_648,
    '',
    ' ',
    '0',
    '-1',
    '1e999',
    'NaN',
    'true',
    'null',
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\u{10ffff}',
    '\u202e',
    'x'.repeat(300),
    '😀'.repeat(2_000),
    '../../etc/passwd',
    "' or 1=1 --",
    '%',
    '%s%n',
    '__proto__',
    'constructor',
    [],
    {},
    [[]],
    [null],
    { toString: null },
    [{ toJSON: 1 }],
    { length: -1 },
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.double(),
  fc.bigInt().map((value) => Number(value)),
)

function text(schema: Schema): fc.Arbitrary<string> {
  const minLength = numberOr(schema['minLength'], 0)
  const maxLength = Math.max(minLength, Math.min(numberOr(schema['maxLength'], 60), 60))
  const plain = fc.string({ minLength, maxLength })
  if (typeof schema['pattern'] !== 'string') return plain
  try {
    return fc.stringMatching(new RegExp(schema['pattern'], 'u'), { size: 'small' })
  } catch {
    // Strings cannot be generated from every pattern, for example from Unicode classes.
    return plain
  }
}

function isText(schema: Schema): boolean {
  return [schema['type']].flat().includes('string') && !('enum' in schema)
}

function weighed(choices: readonly (readonly [number, Arbitrary | undefined])[]): Arbitrary {
  return fc.oneof(
    ...choices.flatMap(([weight, arbitrary]) => (arbitrary === undefined ? [] : [{ weight, arbitrary }])),
  )
}

function merged(parts: readonly unknown[]): unknown {
  return Object.assign({}, ...parts.map((part) => (typeof part === 'object' ? part : {})))
}

function items(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function numberOr(value: unknown, other: number): number {
  return typeof value === 'number' ? value : other
}
