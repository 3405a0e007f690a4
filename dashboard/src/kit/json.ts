export type Token = Readonly<{ kind: 'name' | 'text' | 'number' | 'word' | null; text: string }>

/** Lines and characters shown before a document is folded. */
const shownLines = 24
const shownLetters = 1_800
/** Longer texts are not highlighted. */
const colouredLetters = 60_000
/** Maximum characters of a piece. */
const pieceLetters = 1_000

/** Where a text is folded; null if it is short. */
export function foldedAt(text: string): number | null {
  let end = -1
  for (let line = 0; line < shownLines; line++) {
    end = text.indexOf('\n', end + 1)
    if (end === -1) break
  }
  const cut = Math.min(end === -1 ? text.length : end, shownLetters)
  // Folding a few lines is not worth it.
  return text.length - cut > 400 || (end !== -1 && end < text.length - 60) ? cut : null
}

/** The lines of a text; long ones in several pieces, so that each is drawn quickly. */
export function piecesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    if (line.length <= pieceLetters) return [line]
    const pieces: string[] = []
    for (let at = 0; at < line.length;) {
      let end = at + pieceLetters
      // Never between the two halves of a character.
      if (/[\ud800-\udbff]/.test(line.charAt(end - 1))) end += 1
      pieces.push(line.slice(at, end))
      at = end
    }
    return pieces
  })
}

/** Tokens of an indented JSON text for highlighting. The text may be cut off, even inside a string. */
export function tokensOf(json: string): Token[] {
  if (json.length > colouredLetters) return [{ kind: null, text: json }]
  const tokens: Token[] = []
  let end = 0
  for (const match of json.matchAll(
    /("(?:[^"\\]|\\.)*(?:"|\\?$))(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g,
  )) {
    const [all, string, colon] = match
    if (match.index > end) tokens.push({ kind: null, text: json.slice(end, match.index) })
    if (string === undefined) tokens.push({ kind: /^[tfn]/.test(all) ? 'word' : 'number', text: all })
    else if (colon === undefined) tokens.push({ kind: 'text', text: string })
    else tokens.push({ kind: 'name', text: string }, { kind: null, text: colon })
    end = match.index + all.length
  }
  if (end < json.length) tokens.push({ kind: null, text: json.slice(end) })
  return tokens
}
