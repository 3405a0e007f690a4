import type { ReactNode } from 'react'

/** A sentence with elements in it, as `Sentence` shows it. */
export type Words = readonly ReactNode[]

/** What each catalogue needs from the language. */
export type Tools = Readonly<{
  /** `4,711`. */
  count: (n: number) => string
  /** The form for a number, by the rules of the language. */
  plural: (
    n: number,
    forms: Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }>,
  ) => string
  /** `a, b or c`. */
  either: (names: readonly string[]) => string
}>

/** The tools for a language as `Intl` has it, such as `en-GB`. */
export function toolsOf(locale: string): Tools {
  const [numbers, rules] = [new Intl.NumberFormat(locale), new Intl.PluralRules(locale)]
  const list = new Intl.ListFormat(locale, { type: 'disjunction' })
  return {
    count: (n) => numbers.format(n),
    plural: (n, forms) => forms[rules.select(n)] ?? forms.other,
    either: (names) => list.format(names),
  }
}
