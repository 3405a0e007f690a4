/**
 * Bounded texts. Lengths are in UTF-16 units, which determine the cost in databases and memory, but no cut splits a
 * character: PostgreSQL, JSON in UTF-8 and terminals cannot carry half a surrogate pair.
 */

/** The text if it fits, or else its beginning followed by `…`. Halves of characters become U+FFFD. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text.toWellFormed() : `${head(text, length - 1)}…`
}

/** The beginning, at most this long. */
export function head(text: string, length: number): string {
  const end = text.length > length && isPair(text, length) ? length - 1 : length
  return text.slice(0, Math.max(0, end)).toWellFormed()
}

/** The end, at most this long. */
export function tail(text: string, length: number): string {
  const start = Math.max(0, text.length - length)
  return text.slice(isPair(text, start) ? start + 1 : start).toWellFormed()
}

/** The text if it fits, or else its end preceded by `…`. */
export function clipFront(text: string, length: number): string {
  return text.length <= length ? text.toWellFormed() : `…${tail(text, length - 1)}`
}

/**
 * The text if it fits, or else the first quarter and the end with `…` between them: most texts give the reason at one of the
 * two.
 */
export function clipMiddle(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed()
  const first = Math.floor(length / 4)
  return `${head(text, first)}…${tail(text, length - first - 1)}`
}

/** Whether a cut before this unit would split a character. */
function isPair(text: string, at: number): boolean {
  return (
    at > 0 &&
    at < text.length &&
    isBetween(text, at - 1, 0xd800, 0xdbff) &&
    isBetween(text, at, 0xdc00, 0xdfff)
  )
}

function isBetween(text: string, at: number, first: number, last: number): boolean {
  const unit = text.charCodeAt(at)
  return unit >= first && unit <= last
}

/** C0 control characters and DEL, including line breaks. */
export function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}
