import type { ErrorRecord, Json } from './task.ts'

/**
 * Values that a type declares as sensitive. In documents they are found by JSON pointers, and hidden when the document is
 * shown. In texts (log lines, errors, progress) they are found literally, and hidden before the text is recorded.
 */

/** Stands for a sensitive value wherever one would be shown. It is refused as a value of a sensitive parameter. */
export const mask = '[redacted]'

/** The reference tokens of a JSON pointer. `*` is every item of a list and every member of an object. */
export type Pointer = readonly string[]

/** What is sensitive in each document of a task; an empty pointer is the whole document. */
export type Sensitive = Readonly<{
  parameters: readonly Pointer[]
  checkpoint: readonly Pointer[]
  result: readonly Pointer[]
  /** In the result of each step. */
  steps: readonly Pointer[]
  /** In each answer to a wait. */
  answers: readonly Pointer[]
}>

/** Of a type that this node does not know: nobody can tell what is sensitive, so everything is. */
export const everything: Sensitive = {
  parameters: [[]],
  checkpoint: [[]],
  result: [[]],
  steps: [[]],
  answers: [[]],
}

/** Undefined for a text that is no JSON pointer (RFC 6901). */
export function pointerOf(text: string): Pointer | undefined {
  if (text === '') return []
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export function pointerText(pointer: Pointer): string {
  return pointer.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** The document with the mask in place of every value at these pointers. Without pointers, it is the same text. */
export function redacted(json: Json, pointers: readonly Pointer[]): Json {
  return pointers.length === 0 ? json : JSON.stringify(masked(JSON.parse(json), pointers))
}

/** The value with the mask in place of what is at these pointers. Changes the value. */
export function masked(value: unknown, pointers: readonly Pointer[]): unknown {
  if (pointers.some((pointer) => pointer.length === 0)) return mask
  for (const pointer of pointers) {
    visit(value, pointer, (holder, key) => {
      holder[key] = mask
    })
  }
  return value
}

/** The paths of masks that were sent as values. */
export function masksIn(value: unknown, pointers: readonly Pointer[]): string[] {
  const paths: string[] = []
  for (const pointer of pointers) {
    visit(value, pointer, (holder, key, path) => {
      if (holder[key] === mask) paths.push([...path, key].join('.'))
    })
  }
  return paths
}

/** The value without the members that are masks; `removed`: whether there were any. Changes the value. */
export function withoutMasks(
  value: unknown,
  pointers: readonly Pointer[],
): Readonly<{ value: unknown; removed: boolean }> {
  if (value === mask) return { value: {}, removed: true }
  let removed = false
  for (const pointer of pointers) {
    visit(value, pointer, (holder, key) => {
      if (holder[key] !== mask) return
      removed = true
      // The other items of a list keep their places.
      if (!Array.isArray(holder)) delete holder[key]
    })
  }
  return { value, removed }
}

type Holder = Record<string, unknown>

/** Calls for every existing value at the pointer, which is not empty. */
function visit(
  value: unknown,
  [token, ...rest]: Pointer,
  found: (holder: Holder, key: string, path: readonly string[]) => void,
  path: readonly string[] = [],
): void {
  if (token === undefined || typeof value !== 'object' || value === null) return
  const holder = value as Holder
  const keys = token === '*' ? Object.keys(holder) : Object.hasOwn(holder, token) ? [token] : []
  for (const key of keys) {
    if (rest.length === 0) found(holder, key, path)
    else visit(holder[key], rest, found, [...path, key])
  }
}

/** Shorter values would match by chance, so they are not looked for in texts. */
const shortest = 4
/** The same for single lines of a value with several, as in a key file, since a log has one line at a time. */
const shortestLine = 8

/** The sensitive values of one task, which are hidden in texts. */
export class Secrets {
  /** By their first characters, longest first. */
  readonly #starts = new Map<string, string[]>()
  readonly #numbers = new Set<number>()

  /** Adds the values at these pointers, with everything inside them. */
  add(value: unknown, pointers: readonly Pointer[]): this {
    for (const pointer of pointers) {
      if (pointer.length === 0) this.#addAll(value)
      else visit(value, pointer, (holder, key) => this.#addAll(holder[key]))
    }
    return this
  }

  /** The text with the mask in place of the values. At a cut (`…`), the remaining part of a value is hidden as well. */
  hide(text: string): string {
    if (this.#starts.size === 0) return text
    let shown = ''
    let from = 0
    for (let at = 0; at < text.length; at++) {
      const length = this.#lengthAt(text, at)
      if (length === 0) continue
      shown += text.slice(from, at) + mask
      from = at + length
      at = from - 1
    }
    return from === 0 ? text : shown + text.slice(from)
  }

  hideInError({ code, name, message, stack, fingerprint }: ErrorRecord): ErrorRecord {
    return {
      code: this.hide(code),
      name: this.hide(name),
      message: this.hide(message),
      ...(stack === undefined ? {} : { stack: this.hide(stack) }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    }
  }

  /** The value with the mask in place of the values, wherever they occur in it. Changes lists and objects. */
  hideIn(value: unknown): unknown {
    if (typeof value === 'string') return this.hide(value)
    if (typeof value === 'number') return this.#numbers.has(value) ? mask : value
    if (typeof value !== 'object' || value === null) return value
    for (const key of Object.keys(value)) (value as Holder)[key] = this.hideIn((value as Holder)[key])
    return value
  }

  #addAll(value: unknown): void {
    if (typeof value === 'object' && value !== null) {
      for (const inner of Object.values(value)) this.#addAll(inner)
    } else if (typeof value === 'string') {
      this.#addText(value, shortest)
      const lines = value.split(/\r?\n/)
      if (lines.length > 1) for (const line of lines) this.#addText(line.trim(), shortestLine)
    } else if (typeof value === 'number') {
      const text = String(value)
      if (text.length >= shortest) this.#numbers.add(value)
      this.#addText(text, shortest)
    }
  }

  /** Also as it appears inside JSON and in a URL. */
  #addText(text: string, least: number): void {
    if (text.length < least) return
    const encoded = encodeURIComponent(text.toWellFormed())
    for (const form of new Set([text, text.trim(), JSON.stringify(text).slice(1, -1), encoded])) {
      if (form.length < shortest) continue
      const start = form.slice(0, shortest)
      const forms = this.#starts.get(start) ?? []
      if (forms.includes(form)) continue
      forms.push(form)
      this.#starts.set(
        start,
        forms.sort((one, other) => other.length - one.length),
      )
    }
  }

  /** The length of the value that begins here; 0 if there is none. */
  #lengthAt(text: string, at: number): number {
    const forms = this.#starts.get(text.slice(at, at + shortest))
    for (const form of forms ?? []) {
      if (text.startsWith(form, at)) return form.length
      const cut = text.indexOf('…', at)
      if (cut > at && cut - at < form.length && form.startsWith(text.slice(at, cut))) return cut - at
    }
    return text[at - 1] === '…' ? this.#restAt(text, at) : 0
  }

  /** The length of the end of a value whose beginning was cut off. */
  #restAt(text: string, at: number): number {
    let longest = 0
    for (const forms of this.#starts.values()) {
      for (const form of forms) {
        for (let from = 1; form.length - from >= shortest && form.length - from > longest; from++) {
          if (text.startsWith(form.slice(from), at)) longest = form.length - from
        }
      }
    }
    return longest
  }
}

/** The values of a run that are sensitive; undefined if its type declares none. */
export function secretsOf(
  sensitive: Sensitive | null,
  documents: Readonly<{ parameters: Json; checkpoint: Json | null }>,
): Secrets | undefined {
  if (sensitive === null) return undefined
  const secrets = new Secrets().add(JSON.parse(documents.parameters), sensitive.parameters)
  const { checkpoint } = documents
  return checkpoint === null ? secrets : secrets.add(JSON.parse(checkpoint), sensitive.checkpoint)
}
