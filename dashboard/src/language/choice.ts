/** The languages of the page, by their own names. */
export const languages = { en: 'English', de: 'Deutsch' } as const
export type Language = keyof typeof languages

/** Where the browser keeps the choice of the reader. */
const place = 'fermata-language'

/**
 * The language of the page: the choice of the reader, else the first that the browser asks for and the page has, else English.
 * `locale` is the same language as `Intl` takes it: the reader's variety, such as `en-GB`, where the browser names one.
 */
export function languageOf(
  chosen: string | null,
  wanted: readonly string[],
): Readonly<{ language: Language; locale: string }> {
  const languageIn = (tag: string) => tag.toLowerCase().split(/[^a-z]/)[0] ?? ''
  const language = [...(chosen === null ? [] : [chosen]), ...wanted.map(languageIn)].find(isLanguage) ?? 'en'
  const locale = wanted.find((tag) => languageIn(tag) === language && isUsable(tag)) ?? language
  return { language, locale }
}

export function chosenLanguage(): string | null {
  try {
    return localStorage.getItem(place)
  } catch {
    // Storage is switched off, or this is not a browser.
    return null
  }
}

/** Keeps the choice, and shows the page in it. */
export function choose(language: Language): void {
  try {
    localStorage.setItem(place, language)
  } catch {
    // Storage is switched off: the choice cannot be kept.
  }
  location.reload()
}

function isLanguage(text: string): text is Language {
  return Object.hasOwn(languages, text)
}

/** Some browsers ask for a language that no formatter accepts, such as `en-US@posix`. */
function isUsable(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0
  } catch {
    return false
  }
}
