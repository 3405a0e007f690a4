/** The value of a date and time input, in the reader's time zone; with seconds, if there are any. */
export function localInput(time: number | null): string {
  if (time === null) return ''
  const date = new Date(time * 1_000)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, time % 60 === 0 ? 16 : 19)
}

/** Unix seconds; null if it is empty. */
export function timeOfInput(text: string): number | null {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms / 1_000
}
