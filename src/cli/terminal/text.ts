import stringWidth from 'string-width'
import { stripVTControlCharacters } from 'node:util'

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Text of others on one line, without anything that a terminal would obey. */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, (found) => (found === '\u200D' ? found : ' '))
    .trim()
}

/** Columns that a terminal gives it. */
export function widthOf(text: string): number {
  return /^[\x20-\x7E]*$/.test(text) ? text.length : stringWidth(text)
}

/** At most so many columns, with an ellipsis where it was cut. Takes text without colours. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  if (width <= 0) return ''
  let [taken, used] = ['', 0]
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment)
    if (used > width - 1) break
    taken += segment
  }
  return `${taken}…`
}

/** Exactly so many columns, where it is not longer. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const blank = ' '.repeat(Math.max(0, width - widthOf(text)))
  return side === 'left' ? text + blank : blank + text
}
