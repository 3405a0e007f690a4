/**
 * Ids are UUIDs, version 7. People see their endings, since ids of one time begin alike. No index leads from an ending to
 * its task: one over random text costs every submit a page of its own. Instead the last six digits tell the time of the
 * id, scrambled, to one of the windows that recur every 70 minutes; within each such window the ids, which are in order of
 * time, are looked through. `endingWriter` writes them and `windowAfter` reads them.
 */

/** Milliseconds, and how many of them there are until they recur. Both are powers of two. */
const windowLength = 64
const windows = 65_536
const period = windowLength * windows

/** The part of an id that somebody gave: what the id may begin with, or null, and what it may end with. */
export type IdPart = Readonly<{ prefix: string | null; ending: string }>

/** Digits that a part must have. */
const leastDigits = 6

const fullId = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const partOfId = /^(?:\.\.\.|…)?-?[\da-f](?:-?[\da-f]){5,31}-?$/i

/**
 * Of text with at least six hexadecimal digits, in which hyphens may be left out; dots in front say that it is an ending.
 * Undefined for a whole id, and for text that is no part of one.
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

/** Digits as they stand in an id in which `before` others precede them. */
function hyphenated(digits: string, before: number): string {
  return digits.replaceAll(/./g, (digit, index: number) =>
    index > 0 && hyphenBefore.has(before + index) ? `-${digit}` : digit,
  )
}

const hyphenBefore: ReadonlySet<number> = new Set([8, 12, 16, 20])

/**
 * Writes the last four bytes of an id of this time. The endings of eight digits of 65,536 ids of one window differ; where a
 * window begins to count is the chance of the bytes that stood there, so that ids of different windows agree by chance only.
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

/** Ids from `from` on, before `to`. */
export type IdRange = Readonly<{ from: string; to: string }>

/** Where ids with this ending lie, from the window of an id on. Nothing where the text is not an id. */
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

/** The end of what an id can tell, in Unix milliseconds. */
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

/** Each number of 24 bits to another one, so that neighbours are far from each other. */
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

/** Of an odd number, modulo 2^32: each round doubles the bits that are right. */
function inverseOf(odd: number): number {
  let found = odd
  for (let round = 0; round < 5; round++) found = Math.imul(found, 2 - Math.imul(odd, found))
  return found
}
