/** Where handlers run, in words. */
const places: Readonly<Record<string, string>> = {
  inline: 'on the main thread',
  thread: 'in a thread',
  process: 'in a process',
  command: 'as an executable',
  remote: 'in remote workers',
}

export function placeWords(runs: string): string {
  return places[runs] ?? runs
}

/** `0.5%`; a dash if nothing is known. */
export function shareWords(share: number | null): string {
  if (share === null) return '–'
  const percent = share * 100
  return `${percent === 0 || percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(1))}%`
}

export function typePath(type: string): string {
  return `/types/${encodeURIComponent(type)}`
}
