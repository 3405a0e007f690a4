/** A piece of a log line in one style. */
export type Piece = Readonly<{ text: string; colour: Colour | null; isBold: boolean; isFaint: boolean }>

export type Colour = 'black' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white'

const colours: readonly Colour[] = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

const escape = String.fromCharCode(27)
/** Colors and styles; the other sequences only move the cursor of a terminal, and are left out. */
const sequences = new RegExp(
  `${escape}(?:\\[([\\d;:]*)([@-~])|\\][^${escape}\\u0007]*(?:\\u0007|${escape}\\\\)?|[@-Z\\\\-_])`,
  'g',
)

const plain = { colour: null, isBold: false, isFaint: false } as const

/** The pieces of a line with ANSI sequences, in the 8 basic colors, bright or not. */
export function piecesOfLine(line: string): Piece[] {
  if (!line.includes(escape)) return [{ ...plain, text: line }]
  const pieces: Piece[] = []
  let style: Omit<Piece, 'text'> = plain
  let end = 0
  const take = (to: number) => {
    if (to > end) pieces.push({ ...style, text: line.slice(end, to) })
  }
  for (const match of line.matchAll(sequences)) {
    take(match.index)
    end = match.index + match[0].length
    if (match[2] === 'm') style = styled(style, (match[1] ?? '').split(/[;:]/).map(Number))
  }
  take(line.length)
  return pieces
}

/** The line as plain text. */
export function withoutAnsi(line: string): string {
  return piecesOfLine(line)
    .map(({ text }) => text)
    .join('')
}

function styled(style: Omit<Piece, 'text'>, codes: readonly number[]): Omit<Piece, 'text'> {
  let next = style
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index] ?? 0
    if (code === 0) next = plain
    else if (code === 1) next = { ...next, isBold: true }
    else if (code === 2) next = { ...next, isFaint: true }
    else if (code === 22) next = { ...next, isBold: false, isFaint: false }
    else if (code === 39) next = { ...next, colour: null }
    else if (code >= 30 && code <= 37) next = { ...next, colour: colours[code - 30] ?? null }
    else if (code >= 90 && code <= 97) next = { ...next, colour: colours[code - 90] ?? null }
    // A color of 256, or of all: its arguments are no codes.
    else if (code === 38 || code === 48) index += codes[index + 1] === 5 ? 2 : 4
  }
  return next
}
