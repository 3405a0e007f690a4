import { loadCode } from '../loading/lazy-part.ts'
import { chosenLanguage, languageOf } from './choice.ts'
import type { Catalogue } from './en.ts'
import { toolsOf, type Tools } from './tools.ts'

/** The language of the page, and as `Intl` takes it. */
export const { language, locale } = languageOf(chosenLanguage(), navigator.languages)

/** Each language is a file of its own, of which a browser loads one. */
const catalogues = {
  en: () => import('./en.ts').then(({ en }) => en),
  de: () => import('./de.ts').then(({ de }) => de),
} satisfies Record<typeof language, unknown>

const tools = toolsOf(locale)

/** `4,711`. */
export const exactCount = tools.count

/** What the page says, in its language. Modules that import it wait until it has arrived. */
export const say: Catalogue = (await loadCode<(tools: Tools) => Catalogue>(catalogues[language]))(tools)

if (typeof document !== 'undefined') document.documentElement.lang = language
// Libraries format with what the browser says, and throw if no formatter accepts it.
if (typeof document !== 'undefined' && navigator.language !== locale)
  Object.defineProperty(navigator, 'language', { value: locale, configurable: true })
