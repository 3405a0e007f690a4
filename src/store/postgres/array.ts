import type { Value } from '../columns.ts'

const special = /["\\]/
const specials = /["\\]/g

/** An array in the server's syntax: `{"a",NULL,"b"}`. The driver's own serializer takes several times as long. */
export function arrayText(values: readonly Value[]): string {
  let elements = ''
  for (const value of values) elements += `,${typeof value === 'string' ? quoted(value) : plain(value)}`
  return `{${elements.slice(1)}}`
}

function plain(value: number | boolean | null): string {
  return value === null ? 'NULL' : String(value)
}

function quoted(text: string): string {
  return special.test(text) ? `"${text.replace(specials, String.raw`\$&`)}"` : `"${text}"`
}
