/**
 * Ids are UUIDs, version 7. People see their endings, since ids created at the same time begin alike. There is no index from
 * endings to tasks: over random text, it would cost every submit a page of its own. Instead, the last six digits encode the
 * time of the id, scrambled, as one of the windows that recur every 70 minutes. Within each such window, the ids, which are
 * ordered by time, are scanned. `endingWriter` writes endings and `windowAfter` reads them.
 */

/** Length of a window in milliseconds, and the number of windows until they recur. Both are powers of two. */
const windowLength = 64
const windows = 65_536
const period = windowLength * windows

/** A partial id: what the id may begin with, or null, and what it may end with. */
export type IdPart = Readonly<{ prefix: string | null; ending: string }>

/** Minimum digits of a partial id. */
const leastDigits = 6

const fullId = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const partOfId = /^(?:\.\.\.|…)?-?[\da-f](?:-?[\da-f]){5,31}-?$/i

/**
 * Parses text with at least six hexadecimal digits, with or without hyphens; leading dots mark it as an ending. Undefined
 * for a full id and for text that is not part of one.
 */
export function idPartOf(text: string): IdPart | undefined {
  if (fullId.test(text) || !partOfId.test(text)) return undefined
  const digits = text.replaceAll(/[^\da-f]/gi, '').toLowerCase()
  const isEnding = text.startsWith('.') || text.startsWith('…')
  const missing = 32 - digits.length
  return {
    prefix: isEnding ? null : hyphenated(digits, 0),
    ending: hyphenated(digits, missing),
  }
}

export function isNamedBy(id: string, { prefix, ending }: IdPart): boolean {
  return (prefix !== null && id.startsWith(prefix)) || id.endsWith(ending)
}

/** Digits formatted as in an id in which `before` others precede them. */
function hyphenated(digits: string, before: number): string {
  return digits.replaceAll(/./g, (digit, index: number) =>
    index > 0 && hyphenBefore.has(before + index) ? `-${digit}` : digit,
  )
}

const hyphenBefore: ReadonlySet<number> = new Set([8, 12, 16, 20])

/**
 * Writes the last four bytes of an id of this time. The eight-digit endings of up to 65,536 ids in a window differ. The
 * start value of a window is random, so ids of different windows have equal endings only by chance.
 */
export function endingWriter(): (bytes: Uint8Array, msecs: number) => void {
  let time = -1
  let current = -1
  let counter = 0
  let high = 0
  return (bytes, msecs) => {
    counter = (counter + 1) & 0xffff
    if (msecs !== time) {
      time = msecs
      const window = Math.floor(msecs / windowLength)
      if (window !== current) {
        current = window
        counter = (bytes[12]! << 8) | bytes[13]!
        high = (window % windows) << 8
      }
    }
    const scrambled = scramble(high | (counter & 0xff))
    bytes[12] = (counter >>> 8) ^ (scrambled & 0xff)
    bytes[13] = scrambled >>> 16
    bytes[14] = scrambled >>> 8
    bytes[15] = scrambled
  }
}

/** Ids from `from` (inclusive) to `to` (exclusive). */
export type IdRange = Readonly<{ from: string; to: string }>

/** Where ids with this ending are, starting with the window of an id. Undefined if the text is not an id. */
export function* rangesOf(ending: string, first: string): Generator<IdRange, void> {
  const time = timeOf(first)
  if (Number.isNaN(time)) return
  const last = Number.parseInt(ending.slice(-leastDigits), 16)
  const offset = (unscramble(last) >>> 8) * windowLength
  const earliest = Math.floor(time / period) * period + offset
  // Its window in this period may be over.
  let start = earliest + windowLength > time ? earliest : earliest + period
  for (; start < latest; start += period)
    yield { from: firstIdAt(start), to: firstIdAt(start + windowLength) }
}

/** The latest time that an id can encode, in Unix milliseconds. */
const latest = 2 ** 48 - windowLength

function timeOf(id: string): number {
  return /^[\da-f]{8}-[\da-f]{4}/.test(id)
    ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    : Number.NaN
}

function firstIdAt(time: number): string {
  const digits = time.toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}`
}

const mask = 0xff_ffff
const [factor, otherFactor] = [0x9e_3779, 0x85_ebcb] as const
const [inverse, otherInverse] = [inverseOf(factor), inverseOf(otherFactor)] as const

/** Maps each 24-bit number to another one, so that neighbors are far apart. */
function scramble(value: number): number {
  const once = Math.imul(folded(value), factor) & mask
  return folded(Math.imul(folded(once), otherFactor) & mask)
}

function unscramble(value: number): number {
  const once = Math.imul(folded(value), otherInverse) & mask
  return folded(Math.imul(folded(once), inverse) & mask)
}

/** Its own inverse. */
function folded(value: number): number {
  return value ^ (value >>> 12)
}

/** The inverse of an odd number modulo 2^32: each round doubles the number of correct bits. */
function inverseOf(odd: number): number {
  let found = odd
  for (let round = 0; round < 5; round++) found = Math.imul(found, 2 - Math.imul(odd, found))
  return found
}
