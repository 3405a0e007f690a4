import { describe, expect, test } from 'vitest'
import {
  entriesOf,
  Fault,
  keyOf,
  leavesOf,
  parametersIn,
  parametersOf,
  placesOf,
  withoutRow,
} from './entries.ts'
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
  leavesOf(fields, {}).find((field) => keyOf(field) === name) ??
  fields.find((field) => keyOf(field) === name)!

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
    expect(leavesOf(fields, {}).map(keyOf)).toContain('size.x')
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
    expect(leavesOf(fieldsOf(tree) ?? [], {}).map((field) => [keyOf(field), field.kind])).toEqual([
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

describe('lists of objects and unions', () => {
  const rich: JsonSchema = {
    type: 'object',
    properties: {
      rows: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          properties: { name: { type: 'string' }, key: { type: 'string', writeOnly: true } },
          required: ['name'],
        },
      },
      shape: {
        oneOf: [
          {
            type: 'object',
            properties: { kind: { const: 'circle' }, radius: { type: 'number' } },
            required: ['kind', 'radius'],
          },
          {
            title: 'A box',
            type: 'object',
            properties: { kind: { const: 'box' }, side: { type: 'number' } },
            required: ['kind', 'side'],
          },
        ],
      },
      place: { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'null' }] },
      on: { type: 'string', format: 'date' },
      at: { type: 'string', format: 'date-time' },
    },
    required: ['rows', 'shape'],
  }
  const all = fieldsOf(rich)!
  const [rows, shape] = all
  const given = {
    rows: [{ name: 'a', key: 'x' }, { name: 'b' }],
    shape: { kind: 'box', side: 2 },
    place: 5,
    on: '2026-01-31',
    at: '2026-01-31T12:00:05.000Z',
  }

  test('have rows, shapes and dates', () => {
    expect(all.map(({ kind, hint }) => [kind, hint])).toEqual([
      ['rows', 'at least 1'],
      ['union', ''],
      ['union', ''],
      ['date', ''],
      ['date', ''],
    ])
    const names = (field: Field | undefined) =>
      field?.kind === 'union' && field.options.map(({ name }) => name)
    expect([names(shape), names(all[2])]).toEqual([
      ['circle', 'A box'],
      ['Text', 'Number'],
    ])
  })

  test('convert back to the same parameters', () => {
    const entries = entriesOf(all, given)!
    expect(entries).toMatchObject({
      'rows#': '2',
      'rows.1.name': 'b',
      'shape#': '1',
      'shape.side': '2',
      'place#': '1',
    })
    expect(parametersOf(all, entries)).toEqual({ parameters: given, faults: {} })
    expect(
      leavesOf(all, entries)
        .filter(({ isSensitive }) => isSensitive)
        .map(keyOf),
    ).toEqual(['rows.0.key', 'rows.1.key'])
  })

  test('ask for what is missing in the chosen shape and in each row, where it is', () => {
    expect(parametersOf(all, { 'rows#': '1' })).toEqual({
      parameters: { rows: [{ name: '' }], shape: { kind: 'circle' } },
      faults: { 'shape.radius': 'Required' },
    })
    expect(parametersOf(all, { 'shape.radius': '1', 'place#': '' }).parameters).toEqual({
      rows: [],
      shape: { kind: 'circle', radius: 1 },
    })
    const places = placesOf(all, { 'rows#': '1' })
    expect(
      placed(
        [
          { path: 'rows.0.name', message: 'is wrong' },
          { path: 'shape', message: 'no match' },
        ],
        places,
      ).at,
    ).toEqual({
      'rows.0.name': 'is wrong',
      shape: 'no match',
    })
  })

  test('lose one row without the others', () => {
    const entries = entriesOf(all, given)!
    const { parameters } = parametersOf(all, withoutRow(rows as Field & { kind: 'rows' }, entries, 0))
    expect(parameters).toEqual({ ...given, rows: [{ name: 'b' }] })
  })

  test('are JSON if no field can represent them', () => {
    expect(entriesOf(all, { ...given, shape: { kind: 'star' } })).toBeNull()
    expect(entriesOf(all, { ...given, rows: [1] })).toBeNull()
    expect(entriesOf(all, { ...given, at: 'soon' })).toBeNull()
    const [map] = fieldsOf({
      type: 'object',
      properties: { a: { anyOf: [{ type: 'number' }, { type: 'object', additionalProperties: {} }] } },
    })!
    expect(map?.kind).toBe('json')
  })
})

test.each([
  ['Invalid input: expected number, received undefined', 'Required'],
  ['Too small: expected string to have >=3 characters', 'At least 3 characters'],
  ['Too small: expected number to be >=0.5', 'At least 0.5'],
  ['Too small: expected number to be >0', 'More than 0'],
  ['Too big: expected array to have <=20 items', 'At most 20'],
  ['Invalid input: expected int, received number', 'Must be a whole number'],
  ['says something else', 'says something else'],
])('%s: %s', (message, words) => {
  expect(placed([{ path: 'a', message }], ['a']).at).toEqual({ a: words })
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
