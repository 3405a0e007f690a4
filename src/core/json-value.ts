/**
 * Values that JSON keeps: null, booleans, finite numbers, strings, arrays, plain objects, and objects with `toJSON`, like a
 * Date. `JSON.stringify` silently turns everything else into null or `{}`.
 */

/** The first value inside another one that JSON would change. */
export type Misfit = Readonly<{
  /** Like `result.items[3]`. */
  path: string
  /** What is wrong and how to fix it, to follow the path. */
  message: string
}>

/** `root` is the name of the value itself. Undefined at the top level and in objects is omitted, as in JSON. */
export function misfitOf(value: unknown, root: string): Misfit | undefined {
  const found = value === undefined ? undefined : look(value, '', new Set())
  return found === undefined ? undefined : { path: root + found.path, message: found.message }
}

function look(value: unknown, key: string | number, above: Set<object>): Misfit | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : misfit(`${value}`, 'use null or a text')
  }
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return lookWritten(value, toJSON.call(value, String(key)), above)
  if (typeof value !== 'object') return misfit(`a ${typeof value}`, remedies[typeof value])
  if (above.has(value)) return { path: '', message: 'is a circular reference' }
  const kind = kindOf(value)
  if (kind !== undefined)
    return misfit(`${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`, remedies[kind] ?? ofClass)
  above.add(value)
  const found = Array.isArray(value) ? lookInList(value, above) : lookInObject(value, above)
  above.delete(value)
  return found
}

function lookWritten(value: unknown, written: unknown, above: Set<object>): Misfit | undefined {
  if (written === null && isInstance(value, Date)) return misfit('an invalid Date', 'use null or a text')
  // The result of toJSON is not asked for its own toJSON again.
  if (typeof written !== 'object' || written === null || written === value) return undefined
  return typeof (written as { toJSON?: unknown }).toJSON === 'function' ? undefined : look(written, '', above)
}

function lookInList(list: readonly unknown[], above: Set<object>): Misfit | undefined {
  for (let index = 0; index < list.length; index++) {
    const part = list[index]
    const found = part === undefined ? ofGap(index in list) : look(part, index, above)
    if (found !== undefined) return { ...found, path: `[${index}]${found.path}` }
  }
  return undefined
}

function ofGap(isThere: boolean): Misfit {
  return misfit(isThere ? 'undefined in a list' : 'a gap in a list', 'use null')
}

function lookInObject(object: object, above: Set<object>): Misfit | undefined {
  for (const key of Object.keys(object)) {
    const part = (object as Record<string, unknown>)[key]
    if (part === undefined) continue
    const found = look(part, key, above)
    if (found === undefined) continue
    const step = /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
    return { ...found, path: step + found.path }
  }
  return undefined
}

/** The name of its class, unless it is an array or a plain object of any realm. */
function kindOf(value: object): string | undefined {
  if (Array.isArray(value)) return undefined
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined
  const builtIn = builtIns.find((of) => isInstance(value, of))
  if (builtIn !== undefined) return builtIn.name
  if (ArrayBuffer.isView(value)) return 'typed array'
  const { constructor } = prototype as { constructor?: unknown }
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'class instance'
}

const builtIns = [Map, Set, WeakMap, WeakSet, Error, RegExp, Promise, ArrayBuffer] as const

const ofClass = 'use a plain object, or give its class a toJSON method'

const remedies: Readonly<Record<string, string>> = {
  bigint: 'use String(value)',
  function: 'leave it out',
  symbol: 'leave it out',
  Map: 'use Object.fromEntries(map)',
  Set: 'use [...set]',
  Error: 'use its message',
  RegExp: 'use its source',
  Promise: 'await it',
  ArrayBuffer: 'use a text, like Buffer.from(buffer).toString("base64")',
  'typed array': 'use Array.from(array), or a text like Buffer.from(array).toString("base64")',
}

function misfit(what: string, remedy: string | undefined): Misfit {
  return { path: '', message: `${what} cannot be stored as JSON; ${remedy ?? ofClass}` }
}

function isInstance(value: unknown, of: abstract new (...values: never) => unknown): boolean {
  return value instanceof of
}
