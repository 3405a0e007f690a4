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

/** Whether this is the schema's message for an empty field. */
function isMissing(message: string): boolean {
  return /^Too small: expected string to have >=1 characters$|, received undefined$/.test(message)
}
