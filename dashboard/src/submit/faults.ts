import { say } from '../language/say.ts'
import type { Faults } from './entries.ts'

type Issue = Readonly<{ path: string; message: string }>

/** Assigns the server's validation errors to form fields; the rest goes to the top of the form. */
export function placed(
  issues: readonly Issue[],
  keys: readonly string[],
): Readonly<{ at: Faults; others: readonly Issue[] }> {
  const at: Record<string, string> = {}
  const others: Issue[] = []
  for (const { path, message: given } of issues) {
    const message = inWords(given)
    const key = keys
      .filter((key) => path === key || path.startsWith(`${key}.`))
      .toSorted((a, b) => b.length - a.length)[0]
    if (key === undefined) {
      others.push({ path, message })
      continue
    }
    const within = path.slice(key.length + 1)
    const words = within === '' ? message : `${within}: ${message}`
    at[key] = at[key] === undefined ? words : `${at[key]}; ${words}`
  }
  return { at, others }
}

const amount = String.raw`(-?[\d.e+]+)`

/** What schemas say of what they refuse, as a form would say it. */
const sayings: readonly (readonly [RegExp, (bound: string) => string])[] = [
  [/^Too small: expected string to have >=1 characters$|, received undefined$/, () => say.common.required],
  [
    new RegExp(`^Too small: expected string to have >=${amount} characters$`),
    (n) => say.submit.atLeastCharacters(n),
  ],
  [
    new RegExp(`^Too big: expected string to have <=${amount} characters$`),
    (n) => say.submit.atMostCharacters(n),
  ],
  [new RegExp(`^Too small: expected array to have >=${amount} items$`), (n) => say.submit.atLeast(n)],
  [new RegExp(`^Too big: expected array to have <=${amount} items$`), (n) => say.submit.atMost(n)],
  [new RegExp(`^Too small: expected (?:number|int) to be >=${amount}$`), (n) => say.submit.atLeast(n)],
  [new RegExp(`^Too small: expected (?:number|int) to be >${amount}$`), (n) => say.submit.moreThan(n)],
  [new RegExp(`^Too big: expected (?:number|int) to be <=${amount}$`), (n) => say.submit.atMost(n)],
  [new RegExp(`^Too big: expected (?:number|int) to be <${amount}$`), (n) => say.submit.lessThan(n)],
  [/^Invalid input: expected int, received number$/, () => say.submit.mustBeAWholeNumber],
  [/^Invalid email address$/, () => say.submit.mustBeAnEmailAddress],
  [/^Invalid URL$/, () => say.submit.mustBeAnAddress],
  [/^Invalid ISO date(?:time)?$/, () => say.submit.mustBeADate],
]

function inWords(given: string): string {
  for (const [pattern, words] of sayings) {
    const found = pattern.exec(given)
    if (found !== null) return words(found[1] ?? '')
  }
  return given
}
