/**
 * PostgreSQL's text holds neither the null character nor lone surrogates, but both may come from outside: in an id, a key,
 * or the name of a sender. They are written as the mark and four hexadecimal digits, and so is the mark itself, so that
 * every text is restored unchanged.
 */
const mark = '\uFFFF'
const odd = /[\uFFFF\p{Surrogate}]/gu
const marked = /\uFFFF([0-9a-f]{4})/g

/** Throws `TypeError` for values that are not strings. */
export function encodeText(text: string): string {
  if (typeof text !== 'string') throw new TypeError('a document that is not text')
  if (text.isWellFormed() && !text.includes('\0') && !text.includes(mark)) return text
  return text.replace(odd, escaped).replaceAll('\0', escaped)
}

export function decodeText(text: string): string {
  if (!text.includes(mark)) return text
  return text.replace(marked, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

function escaped(letter: string): string {
  return mark + letter.charCodeAt(0).toString(16).padStart(4, '0')
}
