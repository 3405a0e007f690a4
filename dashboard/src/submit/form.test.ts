import { describe, expect, test } from 'vitest'
import { entriesOf, Fault, keyOf, leavesOf, parametersIn, parametersOf } from './entries.ts'
import { placed } from './faults.ts'
import { noOptions, optionsOf } from './options.ts'
import type { JsonSchema } from '../../../src/contract/json-schema.ts'
import { fieldsOf, type Field } from './schema.ts'

const schema: JsonSchema = {
  type: 'object',
  properties: {
    files: { type: 'array', items: { type: 'string' }, minItems: 1, description: 'What to read' },
    width: { type: 'integer', minimum: 1, maximum: 9_007_199_254_740_991 },
    ratio: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.5 },
    mode: { type: 'string', enum: ['fit', 'fill'], default: 'fit' },
    dry: { type: 'boolean', default: false },
    note: { type: 'string', maxLength: 1_000 },
    size: { $ref: '#/$defs/size', description: 'Of the page' },
    limit: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    anything: {},
    map: { type: 'object', additionalProperties: { type: 'number' } },
  },
  required: ['files', 'width', 'size'],
  $defs: {
    size: {
      type: 'object',
      properties: { x: { type: 'number' }, y: { type: 'number' } },
      required: ['x', 'y'],
      additionalProperties: false,
    },
  },
}
const fields = fieldsOf(schema) ?? []
const of = (name: string): Field =>
  leavesOf(fields).find((field) => keyOf(field) === name) ?? fields.find((field) => keyOf(field) === name)!

test('an optional group that nobody filled in is omitted, with what it would require', () => {
  const group = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
  const optional = fieldsOf({ type: 'object', properties: { card: group } })!
  expect(parametersOf(optional, {})).toEqual({ parameters: {}, faults: {} })
  expect(parametersOf(optional, { 'card.n': '3' })).toEqual({ parameters: { card: { n: 3 } }, faults: {} })
  const required = fieldsOf({ type: 'object', properties: { card: group }, required: ['card'] })!
  expect(parametersOf(required, {}).faults).toEqual({ 'card.n': 'Required' })
})

describe('the fields of a schema', () => {
  test('have the kind that each property needs', () => {
    expect(fields.map(({ kind }) => kind)).toEqual([
      'lines',
      'number',
      'number',
      'choice',
      'switch',
      'text',
      'group',
      'number',
      'json',
      'json',
    ])
    expect(of('size')).toMatchObject({ description: 'Of the page', isRequired: true })
    expect(leavesOf(fields).map(keyOf)).toContain('size.x')
  })

  test('are hidden while they are typed if the schema says so', () => {
    const [secret, plain] = fieldsOf({
      type: 'object',
      properties: {
        key: { type: 'string', format: 'password', writeOnly: true, maxLength: 9_000 },
        name: { type: 'string' },
      },
    })!
    expect(secret).toMatchObject({ isSensitive: true, isLong: true, hint: 'at most 9,000 characters' })
    expect(plain).toMatchObject({ isSensitive: false })
    const required = [{ ...secret!, isRequired: true }]
    expect(parametersOf(required, {})).toEqual({ parameters: {}, faults: { key: 'Required' } })
  })

  test('describe bounds, except those of all JavaScript integers', () => {
    expect(of('files').hint).toBe('at least 1, one per line')
    expect(of('width').hint).toBe('at least 1')
    expect(of('ratio').hint).toBe('more than 0, at most 1')
    expect(of('note').hint).toBe('at most 1,000 characters')
  })

  test('are null if only JSON can represent the schema', () => {
    expect(fieldsOf({ anyOf: [schema, { type: 'object', properties: {} }] })).toBeNull()
    expect(fieldsOf({ type: 'object', additionalProperties: {} })).toBeNull()
    expect(fieldsOf({ type: 'object', properties: {}, additionalProperties: false })).toEqual([])
  })

  test('end where a schema refers to itself', () => {
    const tree: JsonSchema = {
      type: 'object',
      properties: { child: { $ref: '#/$defs/tree' } },
      $defs: { tree: { type: 'object', properties: { child: { $ref: '#/$defs/tree' } } } },
    }
    expect(leavesOf(fieldsOf(tree) ?? []).map((field) => [keyOf(field), field.kind])).toEqual([
      ['child.child.child', 'json'],
    ])
  })
})

describe('the input of the fields', () => {
  const given = {
    files: ['a.png', 'b.png'],
    width: 200,
    mode: 'fill',
    dry: true,
    size: { x: 1, y: 2.5 },
    anything: { deep: [1] },
  }

  test('converts back to the same parameters', () => {
    const entries = entriesOf(fields, given)
    expect(entries).toMatchObject({ files: 'a.png\nb.png', 'size.y': '2.5', mode: '"fill"' })
    expect(parametersOf(fields, entries!)).toEqual({ parameters: given, faults: {} })
  })

  test('is omitted if empty, so the server applies its default', () => {
    const entries = {
      files: 'a.png',
      width: '3',
      'size.x': '1',
      'size.y': '2',
      ratio: ' ',
      mode: '',
      note: '',
    }
    expect(parametersOf(fields, entries).parameters).toEqual({
      files: ['a.png'],
      width: 3,
      size: { x: 1, y: 2 },
    })
  })

  test('is an error if it cannot be sent', () => {
    const entries = { files: 'a', width: 'wide', 'size.x': '1', anything: '{' }
    expect(parametersOf(fields, entries).faults).toEqual({
      width: 'must be a number',
      'size.y': 'Required',
      anything: expect.stringMatching(/^is not JSON: /),
    })
  })

  test('is not created from parameters that it would change', () => {
    expect(entriesOf(fields, { ...given, other: 1 })).toBeNull()
    expect(entriesOf(fields, { ...given, files: ['two\nlines'] })).toBeNull()
    expect(entriesOf(fields, { ...given, width: '200' })).toBeNull()
    expect(entriesOf(fields, { ...given, size: { x: 1, z: 2 } })).toBeNull()
  })

  test('can have any name', () => {
    const odd = fieldsOf({
      type: 'object',
      properties: { ['__proto__']: { type: 'number' }, toString: { type: 'string' } },
    })!
    expect(entriesOf(odd, {})).toEqual({})
    const own = fieldsOf(JSON.parse('{"properties": {"__proto__": {"type": "number"}}}') as JsonSchema)!
    expect(Object.keys(parametersOf(own, Object.fromEntries([['__proto__', '1']])).parameters)).toEqual([
      '__proto__',
    ])
  })
})

test('JSON must be an object', () => {
  expect(parametersIn('{"a": 1}')).toEqual({ a: 1 })
  expect(parametersIn('')).toEqual({})
  for (const text of ['[]', '1', 'null', '{']) expect(parametersIn(text), text).toBeInstanceOf(Fault)
})

test('validation errors appear at their fields, and the rest at the top', () => {
  const issues = [
    { path: 'a', message: 'is wrong' },
    { path: 'a.0.x', message: 'too' },
    { path: 'ab', message: 'is unknown' },
    { path: '', message: 'all of it' },
  ]
  expect(placed(issues, ['a', 'b'])).toEqual({
    at: { a: 'is wrong; 0.x: too' },
    others: [
      { path: 'ab', message: 'is unknown' },
      { path: '', message: 'all of it' },
    ],
  })
})

test('empty options are left to the server, and durations are sent as typed', () => {
  expect(optionsOf(noOptions)).toEqual({ options: {}, faults: {} })
  const entries = {
    ...noOptions,
    priority: '-5',
    tags: 'a, b,,',
    delay: '90',
    timeout: '1h30m',
    max_attempts: 'x',
    after: 'one, two three,',
  }
  expect(optionsOf(entries)).toEqual({
    options: {
      priority: -5,
      tags: ['a', 'b'],
      delay: 90,
      timeout: '1h30m',
      max_attempts: Number.NaN,
      after: ['one', 'two', 'three'],
    },
    faults: { max_attempts: 'must be a number' },
  })
})
