import { readFile } from 'node:fs/promises'
import { Option } from 'commander'
import { UsageError } from './exit.ts'
import { inexactIn, NumberInexact, parseExact } from '../core/exact-json.ts'
import { choicesOf, type JsonSchema } from '../contract/json-schema.ts'
import { textOf } from './input.ts'
import { written, type Flag } from './flags.ts'

type Document = Record<string, unknown>

/** A command-line option for a parameter. Its value is parsed according to the schema, or refused with a remedy. */
export function optionsOf(flag: Flag): Option[] {
  if (flag.kind === 'switch') {
    const plain = new Option(flag.flag, flag.meaning)
    return [
      plain,
      new Option(flag.flag.replace(/^--/, '--no-'), flag.schema.default === true ? '' : '').hideHelp(
        flag.schema.default !== true,
      ),
    ]
  }
  const dots = flag.kind === 'list' ? '...' : ''
  const option = new Option(`${flag.flag} <${flag.value}${dots}>`, flag.meaning)
  return [
    option.argParser((text: string, before: unknown) => {
      if (flag.kind !== 'list') return readValue(text, flag.schema, flag.flag)
      const value = readValue(text, flag.schema.items ?? {}, flag.flag)
      return Array.isArray(before) ? [...(before as unknown[]), value] : [value]
    }),
  ]
}

/** The value of the text, parsed as the first type that matches. */
export function readValue(text: string, schema: JsonSchema, flag: string): unknown {
  const faults: string[] = []
  for (const option of schema.anyOf ?? schema.oneOf ?? [schema]) {
    const types = Array.isArray(option.type) ? (option.type as string[]) : [option.type as string | undefined]
    for (const type of types) {
      const read = valueAs(text, type, option)
      const fault = 'fault' in read ? read.fault : faultOf(read.value, option)
      if (fault === undefined && 'value' in read) return read.value
      faults.push(fault ?? '')
    }
  }
  const shown = schema.writeOnly === true ? '' : ` ${text}`
  throw new UsageError(`${flag}${shown} is invalid: it must be ${[...new Set(faults)].join(', or ')}`)
}

type Read = Readonly<{ value: unknown }> | Readonly<{ fault: string }>

function valueAs(text: string, type: string | undefined, schema: JsonSchema): Read {
  const choices = choicesOf(schema)
  if (choices !== undefined) {
    const found = choices.find((value) => written(value) === text)
    const fault = `${choices.length === 1 ? '' : 'one of '}${choices.map(written).join(', ')}`
    return found === undefined ? { fault } : { value: found }
  }
  switch (type) {
    case 'string':
      return { value: text }
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? exact(text) : { fault: 'a number' }
    case 'integer':
      return /^-?\d+$/.test(text) ? exact(text) : { fault: 'a whole number' }
    case 'boolean':
      return text === 'true' || text === 'false' ? { value: text === 'true' } : { fault: 'true or false' }
    case 'null':
      return text === 'null' ? { value: null } : { fault: 'null' }
    default:
      try {
        return { value: parseExact(text) }
      } catch (error) {
        if (error instanceof NumberInexact)
          return { fault: `JSON that can be stored exactly (${error.message})` }
        return { fault: type === undefined ? 'JSON' : `JSON of type ${type}` }
      }
  }
}

function exact(text: string): Read {
  return inexactIn(text) === undefined
    ? { value: Number(text) }
    : { fault: 'a number that JSON can store without losing digits' }
}

/** What is wrong with a value of the right type, to follow "must be"; undefined if nothing is. */
function faultOf(value: unknown, schema: JsonSchema): string | undefined {
  if (typeof value === 'number') {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
    if (minimum !== undefined && value < minimum) return `at least ${minimum}`
    if (maximum !== undefined && value > maximum) return `at most ${maximum}`
    if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return `above ${exclusiveMinimum}`
    if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return `below ${exclusiveMaximum}`
  }
  if (typeof value === 'string') {
    const { minLength, maxLength } = schema
    if (minLength !== undefined && value.length < minLength) return `at least ${minLength} characters`
    if (maxLength !== undefined && value.length > maxLength) return `at most ${maxLength} characters`
  }
  return undefined
}

/** The parameters from flags and document; flags take precedence. Throws if one is missing. */
export function assembled(
  document: Document,
  flags: readonly Flag[],
  given: (flag: Flag) => unknown,
): Document {
  const parameters = structuredClone(document)
  for (const flag of flags) {
    const value = given(flag)
    if (value !== undefined) put(parameters, flag.path, value)
  }
  const missing = flags.filter(({ isRequired, path }) => isRequired && !has(parameters, path))
  if (missing.length > 0) {
    const list = missing.map(({ flag, value, kind }) => (kind === 'switch' ? flag : `${flag} <${value}>`))
    throw new UsageError(`${list.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`)
  }
  return parameters
}

/** A document from the command line: literal, `@FILE`, or `-` for standard input. */
export async function readDocument(text: string): Promise<Document> {
  const source = text === '-' ? 'standard input' : text.startsWith('@') ? text.slice(1) : '--json'
  const json =
    text === '-'
      ? textOf(await readInput(), source)
      : text.startsWith('@')
        ? textOf(await readBytes(source), source)
        : text
  let value: unknown
  try {
    value = parseExact(json)
  } catch (error) {
    if (error instanceof NumberInexact) throw new UsageError(`${source}: ${error.message}`)
    throw new UsageError(`${source} is not JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${source} must be a JSON object with the parameters`)
  }
  return value as Document
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function put(target: Document, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
    return
  }
  const inner = Object.hasOwn(target, name) ? target[name] : undefined
  const next: Document = typeof inner === 'object' && inner !== null ? (inner as Document) : {}
  put(next, rest, value)
  put(target, [name], next)
}

function has(target: unknown, [name = '', ...rest]: readonly string[]): boolean {
  if (typeof target !== 'object' || target === null || !Object.hasOwn(target, name)) return false
  return rest.length === 0 || has((target as Document)[name], rest)
}
