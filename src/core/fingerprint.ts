import type { ErrorRecord } from './task.ts'

/** Characters of a message that count: what follows is often output, which differs each time. */
const mostLetters = 400

/** What differs between two failures of the same cause, the most specific first. */
const variables: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g'), ''],
  [/\b[a-z][a-z\d+.-]*:\/\/[^\s'"`<>)\]]+/gi, '<url>'],
  [/\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/gi, '<id>'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, '<time>'],
  // Of Unix and Windows, and file names in quotes.
  [/(?<![\w/<])(?:[a-z]:\\|\.{0,2}\/)[^\s'"`:,;()<>[\]]+/gi, '<path>'],
  [/(['"`])[^'"`\s]*\.[a-z\d]{1,6}\1/gi, '<path>'],
  // Long words with digits in them: hashes, keys, names of hosts and pods.
  [/\b(?=[\w-]*\d)[\w-]{12,}\b/g, '<id>'],
  [/\b0x[\da-f]+\b/gi, '<n>'],
  [/\d+(?:[.,]\d+)*/g, '<n>'],
]

/** The message without ids, numbers, times and paths. */
export function normalized(message: string): string {
  const text = variables.reduce(
    (text, [pattern, name]) => text.replaceAll(pattern, name),
    message.slice(0, 4_096),
  )
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, mostLetters)
}

/**
 * The same 16 hexadecimal digits for failures of the same cause, whatever the task: from the code, the name and the normalized
 * message.
 */
export function fingerprintOf({
  code,
  name,
  message,
}: Pick<ErrorRecord, 'code' | 'name' | 'message'>): string {
  return hash(`${code}\n${name}\n${normalized(message)}`)
}

export function isFingerprint(text: string): boolean {
  return /^[\da-f]{16}$/.test(text)
}

/** The error with its fingerprint; one that it has already stays, since its message may be encrypted. */
export function fingerprinted(error: ErrorRecord): ErrorRecord {
  return error.fingerprint === undefined ? { ...error, fingerprint: fingerprintOf(error) } : error
}

/** 64-bit FNV-1a over UTF-16 units: stable over platforms and versions, and no secret. */
function hash(text: string): string {
  let sum = 0xcbf29ce484222325n
  for (let index = 0; index < text.length; index++) {
    sum = BigInt.asUintN(64, (sum ^ BigInt(text.charCodeAt(index))) * 0x100000001b3n)
  }
  return sum.toString(16).padStart(16, '0')
}
