import stringWidth from 'string-width'

/** Text in terminal columns. Apart from `text.ts`, so that a server does not load the tables of wide characters. */

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Number of terminal columns. */
export function widthOf(text: string): number {
  return /^[\x20-\x7E]*$/.test(text) ? text.length : stringWidth(text)
}

/** At most this many columns, with an ellipsis if cut. Takes text without colors. */
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

/** Exactly this many columns, unless the text is longer. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const blank = ' '.repeat(Math.max(0, width - widthOf(text)))
  return side === 'left' ? text + blank : blank + text
}
