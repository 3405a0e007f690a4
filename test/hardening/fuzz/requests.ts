import * as fc from 'fast-check'
import type { ApiDocument, Operation, Parameter } from './document.ts'
import { mcpShots } from './mcp.ts'
import { marker, nasty, Values } from './values.ts'

/** A request with markers. Plain data, so that a failure can be read and repeated. */
export type Shot = Readonly<{
  operation: string
  method: string
  /** Path and query. */
  target: string
  headers: Readonly<Record<string, string>>
  body: string | null
}>

type Pair = readonly [name: string, value: unknown]

/** Requests for every operation of the document: half of them valid, the others broken in some part. */
export function shots(document: ApiDocument): fc.Arbitrary<Shot> {
  const values = new Values(document)
  return fc.oneof(
    { weight: 40, arbitrary: mcpShots },
    ...document.operations.flatMap((operation) => {
      const sound = shotOf(operation, {
        parameter: (parameter) => values.of(parameter.schema, parameter.name),
        extra: fc.constant([]),
        body: operation.body === undefined ? fc.constant(null) : soundBody(operation.body, values),
        type: fc.constant('application/json'),
        method: fc.constant(operation.method),
      })
      const broken = shotOf(operation, {
        parameter: (parameter) =>
          fc.oneof(
            { weight: 6, arbitrary: values.of(parameter.schema, parameter.name) },
            { weight: 4, arbitrary: nasty },
          ),
        extra: fc.array(fc.tuple(fc.oneof(strangeNames, fc.string()), nasty), { maxLength: 2 }),
        body: brokenBody(operation.body, values),
        type: mostly('application/json', contentTypes),
        method: mostly(operation.method, fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')),
      })
      const weight = costly.has(operation.id) ? 1 : 20
      return [
        { weight, arbitrary: sound },
        { weight, arbitrary: broken },
      ]
    }),
  )
}

/** Asked more rarely: each of these takes as long as a hundred others. */
const costly: ReadonlySet<string> = new Set(['createBackup'])

type Parts = Readonly<{
  parameter: (parameter: Parameter) => fc.Arbitrary<unknown>
  extra: fc.Arbitrary<Pair[]>
  body: fc.Arbitrary<string | null>
  type: fc.Arbitrary<string>
  method: fc.Arbitrary<string>
}>

function shotOf(operation: Operation, parts: Parts): fc.Arbitrary<Shot> {
  const given = (place: Parameter['in']) =>
    fc.tuple(
      ...operation.parameters
        .filter((parameter) => parameter.in === place)
        .map((parameter) =>
          fc
            .option(parts.parameter(parameter), { freq: parameter.required ? 1_000 : 2 })
            .map((value): Pair => [parameter.name, value]),
        ),
    )
  return fc
    .record({
      path: given('path'),
      query: given('query'),
      headers: given('header'),
      extra: parts.extra,
      body: parts.body,
      type: parts.type,
      method: parts.method,
    })
    .map(({ path, query, headers, extra, body, type, method }) => ({
      operation: operation.id,
      method,
      target: targetOf(operation.path, path, [...query, ...extra]),
      headers: {
        ...headersOf(headers),
        ...(body === null || type === '' ? {} : { 'content-type': type }),
      },
      body,
    }))
}

function soundBody({ schema, examples }: NonNullable<Operation['body']>, values: Values) {
  const made = values.of(schema, '')
  const any = examples.length === 0 ? made : fc.oneof(fc.constantFrom(...examples), made)
  return any.map((value) => JSON.stringify(value))
}

/** A valid or arbitrary body with one value replaced, or text that is not quite JSON. */
function brokenBody(body: Operation['body'], values: Values): fc.Arbitrary<string | null> {
  const start =
    body === undefined
      ? nasty
      : fc.oneof(values.of(body.schema, ''), fc.constantFrom({}, ...body.examples), nasty)
  const changed = fc
    .tuple(start, fc.array(fc.nat(20), { maxLength: 4 }), nasty, strangeNames)
    .map(([value, way, other, name]) => JSON.stringify(replaced(value, way, other, name)) ?? 'undefined')
  const text = fc
    .tuple(changed, fc.constantFrom(...breaks), fc.nat(1_000))
    .map(([json, broken, at]) => broken(json, at))
  return fc.oneof(
    { weight: 5, arbitrary: changed },
    { weight: 3, arbitrary: text },
    { weight: 1, arbitrary: fc.constant(null) },
  )
}

/** Breaks JSON text in ways that no serialized value has. */
const breaks: readonly ((json: string, at: number) => string)[] = [
  (json, at) => json.slice(0, at % (json.length + 1)),
  (json, at) => `${json.slice(0, at % json.length)}\u0000${json.slice(at % json.length)}`,
  (json) => json.replace(/"\w+":/, '"__proto__":'),
  (json) => json.replace(/"\w+":/, '"constructor":{"prototype":{"x":1}},"x":'),
  (json) => json.replace(/"(\w+)":/, '"$1":1,"$1":'),
  (json) => json.replace(/-?\d+(?:\.\d+)?/, '1e999'),
  (json) => json.replace(/-?\d+(?:\.\d+)?/, '9'.repeat(400)),
  (json) => json.replaceAll('"', "'"),
  (json) => `\ufeff${json}`,
  (json) => `${json}${json}`,
  (json) => `[${json}`,
  (_, at) => `${'['.repeat(at * 50)}${']'.repeat(at * 50)}`,
  (_, at) => `{"parameters":${'{"a":'.repeat(at * 10)}1${'}'.repeat(at * 10)}}`,
]

const contentTypes = fc.constantFrom(
  '',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/problem+json',
  'application/',
  '///',
  'a'.repeat(500),
)

const strangeNames = fc.constantFrom(
  'x',
  '__proto__',
  'constructor',
  'toString',
  'wait[]',
  'Wait',
  '',
  'status[0]',
  '%',
  'a'.repeat(500),
)

/** Replaces the value at a path with another one; some last steps add or remove a property instead. */
function replaced(value: unknown, way: readonly number[], other: unknown, name: string): unknown {
  const [step, ...rest] = way
  if (step === undefined || typeof value !== 'object' || value === null) return other
  if (Array.isArray(value)) {
    if (value.length === 0) return [other]
    return value.with(step % value.length, replaced(value[step % value.length], rest, other, name))
  }
  const keys = Object.keys(value)
  const key = rest.length === 0 && step % 4 === 0 ? name : (keys[step % Math.max(1, keys.length)] ?? name)
  const { [key]: before, ...others } = value as Record<string, unknown>
  // A missing field is the most common mistake.
  if (rest.length === 0 && step % 4 === 1) return others
  return { ...others, [key]: replaced(before, rest, other, name) }
}

function targetOf(template: string, path: readonly Pair[], query: readonly Pair[]): string {
  const filled = path.reduce(
    // An empty segment would be a different path.
    (target, [name, value]) => target.replace(`{${name}}`, () => encoded(value ?? '') || '-'),
    template,
  )
  const asked = query.flatMap(([name, value]) => {
    if (value === null) return []
    const values = Array.isArray(value) ? value : [value]
    return values.map((one) => `${encoded(name)}=${encoded(one)}`)
  })
  return asked.length === 0 ? filled : `${filled}?${asked.join('&')}`
}

function headersOf(headers: readonly Pair[]): Record<string, string> {
  return Object.fromEntries(
    headers.flatMap(([name, value]) => {
      // `sockets.test.ts` sends header values that HTTP clients refuse.
      const sendable = value === null ? '' : shown(value).replaceAll(/[^\u0020-\u007e\u00a0-\u00ff]/g, '?')
      return sendable === '' ? [] : [[name, sendable]]
    }),
  )
}

/** Leaves a leading percent sign unencoded, as a malformed escape. */
function encoded(value: unknown): string {
  const text = shown(value).toWellFormed().slice(0, 3_000)
  if (text.startsWith('%')) return text.replaceAll(/[^%\w]/g, '')
  return encodeURIComponent(text).replaceAll(/%7B%7B(\w+)%3A(\d+)%7D%7D/g, (_, name: string, at: string) =>
    marker(name)(Number(at)),
  )
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function mostly(usual: string, others: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others })
}
