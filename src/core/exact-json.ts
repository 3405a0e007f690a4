/**
 * JSON parsing that keeps numbers exactly. `JSON.parse` rounds 9007199254740993 to ...992 and turns 1e400 into Infinity,
 * which JSON then writes as null, all without an error.
 */

/** A number that would change. */
export type InexactNumber = Readonly<{
  /** Like `parameters.items.3.id`; empty if the document is the number itself. */
  path: string
  /** What is wrong, to follow the path. */
  message: string
}>

/** Thrown by `parseExact`. */
export class NumberInexact extends SyntaxError {
  override readonly name = 'NumberInexact'
  constructor({ path, message }: InexactNumber) {
    super(path === '' ? message : `${path}: ${message}`)
  }
}

/** Throws `SyntaxError`, and `NumberInexact` for a number that would change. */
export function parseExact(text: string): unknown {
  const value = JSON.parse(text) as unknown
  const inexact = inexactIn(text)
  if (inexact !== undefined) throw new NumberInexact(inexact)
  return value
}

/** Without one of these, no number can be inexact, so the text need not be scanned. */
const suspicious = /\d{16}|\d[eE][+-]?\d{3}/

/** The first number in this document that would change. The text must be valid JSON. */
export function inexactIn(text: string): InexactNumber | undefined {
  if (!suspicious.test(text)) return undefined
  const token = /["[\]{},]|-?\d[\d.eE+-]*/g
  /** For each open list and object: the position within it. */
  const path: (string | number)[] = []
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    const [first] = found
    if (first === '"') {
      const end = endOfText(text, token.lastIndex)
      // In an object, a string in key position is a key.
      if (typeof path.at(-1) === 'string' && isKey(text, end)) {
        path[path.length - 1] = JSON.parse(text.slice(token.lastIndex - 1, end)) as string
      }
      token.lastIndex = end
    } else if (first === '[') path.push(0)
    else if (first === '{') path.push('')
    else if (first === ']' || first === '}') path.pop()
    else if (first === ',') {
      const place = path.at(-1)
      if (typeof place === 'number') path[path.length - 1] = place + 1
    } else {
      const message = faultOf(first)
      if (message !== undefined) return { path: path.join('.'), message }
    }
  }
  return undefined
}

/** After the closing quote of the string that starts here. */
function endOfText(text: string, from: number): number {
  let at = from
  for (let unit = text[at]; unit !== '"'; unit = text[at]) at += unit === '\\' ? 2 : 1
  return at + 1
}

const colon = /\s*:/y

function isKey(text: string, end: number): boolean {
  colon.lastIndex = end
  return colon.test(text)
}

/**
 * Whole numbers must keep the same digits; others must be neither too large nor so small that nothing is left of them. A
 * decimal such as 0.1 stands for the nearest number, as everywhere. The number is not quoted, since it may be sensitive.
 */
function faultOf(literal: string): string | undefined {
  const value = Number(literal)
  if (!Number.isFinite(value)) return 'the number is too large for a JSON number; send it as a string'
  if (value === 0 && /^[^eE]*[1-9]/.test(literal))
    return 'the number is closer to zero than a JSON number can be'
  if (/^-?\d+$/.test(literal) && !Number.isSafeInteger(value) && !hasDigits(value, literal)) {
    return 'the number is an integer beyond ±(2^53 - 1), which JSON numbers cannot hold exactly; send it as a string'
  }
  return undefined
}

/** Written out, the number is this literal. */
function hasDigits(value: number, literal: string): boolean {
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential().split('e')
  const digits = literal.replace('-', '')
  return digits.length === Number(exponent) + 1 && digits.replace(/0+$/, '') === mantissa.replace('.', '')
}
