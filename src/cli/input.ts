import { UsageError } from './exit.ts'
import { count } from './format.ts'

/** JSON from files and pipes: UTF-8, with or without a byte order mark. */

const newline = 0x0a
const carriageReturn = 0x0d

/** Maximum bytes of a line: longer input is not JSON Lines. */
const longestLine = 67_108_864

/** The text of a complete document; `source` names it. Throws `UsageError`. */
export function textOf(bytes: Buffer, source: string): string {
  const text = decoded(withoutMark(bytes, source), source)
  if (text.trim() === '') throw new UsageError(`${source} is empty`)
  return text
}

export type InputLine = Readonly<{ text: string; number: number; bytes: number }>

/**
 * Lines that end with a line feed, optionally after a carriage return; no other character ends a line of JSON. Throws
 * `UsageError`.
 */
export async function* linesOf(
  input: AsyncIterable<Buffer>,
  source: string,
): AsyncGenerator<InputLine, void, undefined> {
  let pending: Buffer[] = []
  let pendingBytes = 0
  let number = 0
  const line = (): InputLine => {
    const whole = Buffer.concat(pending)
    number++
    pending = []
    pendingBytes = 0
    const marked = number === 1 ? withoutMark(whole, source) : whole
    const end = marked.at(-1) === carriageReturn ? -1 : marked.length
    return {
      text: decoded(marked.subarray(0, end), `line ${count(number)}`),
      number,
      bytes: whole.length + 1,
    }
  }
  for await (const chunk of input) {
    let from = 0
    for (let to = chunk.indexOf(newline); to !== -1; to = chunk.indexOf(newline, from)) {
      pending.push(chunk.subarray(from, to))
      from = to + 1
      yield line()
    }
    if (from === chunk.length) continue
    pending.push(chunk.subarray(from))
    pendingBytes += chunk.length - from
    if (pendingBytes > longestLine)
      throw new UsageError(`line ${count(number + 1)} is longer than ${longestLine / 1_048_576} MB`)
  }
  if (pendingBytes > 0) yield line()
}

/** Removes a UTF-8 byte order mark. Throws if the text is UTF-16, recognized by its mark or by its zeros. */
function withoutMark(bytes: Buffer, source: string): Buffer {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3)
  const isMarked = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  if (isMarked || bytes.subarray(0, 4).includes(0))
    throw new UsageError(`${source} is UTF-16: save it as UTF-8`)
  return bytes
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Buffer, source: string): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new UsageError(`${source} is not UTF-8 text: save it as UTF-8`)
  }
}
