/** What a field for date and time holds, in the zone of the reader. */
export function localInput(time: number | null): string {
  if (time === null) return ''
  const date = new Date(time * 1_000)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** Unix seconds; null while it is empty. */
export function timeOfInput(text: string): number | null {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms / 1_000
}
