/**
 * Characters that a terminal would obey or a reader would not see: both sets of control characters, direction and zero-width
 * marks, line separators, and lone surrogates. The two joiners are kept: emoji and several scripts need them.
 */
const unseen = /[^\P{C}\u200C\u200D\p{Co}\p{Cn}]|[\u2028\u2029\p{Noncharacter_Code_Point}]/gu

/** A control character in readable form: `\x1b`, `\u202e`, `\u{e0001}`. */
function written(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x1_0000 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`
}

/** Text from elsewhere on one line, with nothing in it obeyed or hidden. */
export function visible(text: string): string {
  return text.replaceAll(/[\t\r\n]+/g, ' ').replaceAll(unseen, written)
}

/** The same, but keeps line breaks and tabs. */
export function visibleLines(text: string): string {
  return text
    .replaceAll(/\r\n/g, '\n')
    .split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : part.replaceAll(unseen, written)))
    .join('')
}

/** JSON without any character that a terminal would obey; the value is the same. */
export function safeJson(document: unknown, indent = 0): string {
  const json = JSON.stringify(document, null, indent) ?? 'null'
  return json
    .split('\n')
    .map((line) =>
      line.replaceAll(unseen, (character) =>
        Array.from(
          { length: character.length },
          (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
        ).join(''),
      ),
    )
    .join('\n')
}

/**
 * Text that can be sent to a terminal unchanged: foreign parts were made visible, and only our own styles are obeyed.
 * Outputs make all other text visible, so none can be forgotten.
 */
export class SafeText {
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  /** Takes the text unchanged: escape sequences of our own, or text that was made visible. For everything else, use `safe`. */
  static trusted(text: string): SafeText {
    return new SafeText(text)
  }
}

/** A template in which every value is made visible unless it is safe already: safe`failed: ${message}` */
export function safe(
  parts: TemplateStringsArray,
  ...values: readonly (SafeText | string | number)[]
): SafeText {
  const texts = values.map((value) => safeText(typeof value === 'number' ? String(value) : value).text)
  return SafeText.trusted(parts.map((part, index) => `${part}${texts[index] ?? ''}`).join(''))
}

/** Any text as outputs accept it, on one line unless it is safe already. */
export function safeText(text: SafeText | string): SafeText {
  return text instanceof SafeText ? text : SafeText.trusted(visible(text))
}

/** Joins texts with a separator, without trailing spaces. */
export function joined(texts: readonly (SafeText | string)[], between: string): SafeText {
  return SafeText.trusted(
    texts
      .map((text) => safeText(text).text)
      .join(between)
      .trimEnd(),
  )
}
