/**
 * JSON whose numbers are kept as they are written. `JSON.parse` rounds 9007199254740993 to ...992 and makes Infinity of 1e400,
 * which JSON then writes as null: nobody is told that the value has changed.
 */

/** A number that would come out as another one. */
export type InexactNumber = Readonly<{
  /** Like `parameters.items.3.id`; empty when the document is the number. */
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

/** Throws `SyntaxError`, and `NumberInexact` for a number that would not be kept. */
export function parseExact(text: string): unknown {
  const value = JSON.parse(text) as unknown
  const inexact = inexactIn(text)
  if (inexact !== undefined) throw new NumberInexact(inexact)
  return value
}

/** No number without one of these can be inexact: then nobody has to look at the text. */
const suspicious = /\d{16}|\d[eE][+-]?\d{3}/

/** The first number of this document that would not be kept. The text must be JSON. */
export function inexactIn(text: string): InexactNumber | undefined {
  if (!suspicious.test(text)) return undefined
  const token = /["[\]{},]|-?\d[\d.eE+-]*/g
  /** Of each list and object that is open: the place within it. */
  const path: (string | number)[] = []
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    const [first] = found
    if (first === '"') {
      const end = endOfText(text, token.lastIndex)
      // In an object, a text that stands where a key may stand is one.
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

/** Behind the closing quotation mark of the text that begins here. */
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
 * Whole numbers must come out with the same digits, all others must be neither beyond the largest number nor so small that
 * nothing is left of them. A decimal like 0.1 stands for the nearest number, as everywhere.
 */
function faultOf(literal: string): string | undefined {
  const value = Number(literal)
  const brief = literal.length <= 40 ? literal : `${literal.slice(0, 39)}…`
  if (!Number.isFinite(value)) return `${brief} is too large for a JSON number; send it as a string`
  if (value === 0 && /^[^eE]*[1-9]/.test(literal))
    return `${brief} is closer to zero than a JSON number can be`
  if (/^-?\d+$/.test(literal) && !Number.isSafeInteger(value) && !hasDigits(value, literal)) {
    return `${brief} is an integer beyond ±(2^53 - 1), which JSON numbers cannot hold exactly; send it as a string`
  }
  return undefined
}

/** Written in full, the number is this literal. */
function hasDigits(value: number, literal: string): boolean {
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential().split('e')
  const digits = literal.replace('-', '')
  return digits.length === Number(exponent) + 1 && digits.replace(/0+$/, '') === mantissa.replace('.', '')
}
