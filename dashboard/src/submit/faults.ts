import type { Faults } from './entries.ts'

type Issue = Readonly<{ path: string; message: string }>

/** What the server does not accept, at the fields that it names; the rest is for the head of the form. */
export function placed(
  issues: readonly Issue[],
  keys: readonly string[],
): Readonly<{ at: Faults; others: readonly Issue[] }> {
  const at: Record<string, string> = {}
  const others: Issue[] = []
  for (const { path, message: given } of issues) {
    const message = isMissing(given) ? 'Required' : given
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

/** What the schema says of a field that was left empty. */
function isMissing(message: string): boolean {
  return /^Too small: expected string to have >=1 characters$|, received undefined$/.test(message)
}
