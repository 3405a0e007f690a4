import { expect, test } from 'vitest'
import { languageOf } from './choice.ts'

test.each([
  [null, ['de-AT', 'en'], 'de', 'de-AT'],
  [null, ['fr', 'de', 'en'], 'de', 'de'],
  [null, ['fr-FR'], 'en', 'en'],
  [null, [], 'en', 'en'],
  ['de', ['en-GB'], 'de', 'de'],
  ['en', ['de', 'en-GB'], 'en', 'en-GB'],
  ['xx', ['de'], 'de', 'de'],
  ['constructor', ['__proto__'], 'en', 'en'],
])('chosen %j, and asked for %j, the page is in %s, formatted as %s', (chosen, wanted, language, locale) => {
  expect(languageOf(chosen, wanted)).toEqual({ language, locale })
})

test.each([['en-US@posix'], ['de_DE.UTF-8'], [''], ['@'], ['C']])(
  'a browser that asks for %j gets a language that formatters accept',
  (tag) => {
    const { language, locale } = languageOf(null, [tag])
    expect(language).toBe(tag.startsWith('de') ? 'de' : 'en')
    expect(new Intl.NumberFormat(locale).format(0.5)).toBe(language === 'de' ? '0,5' : '0.5')
  },
)
