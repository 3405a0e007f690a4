import { say } from '../language/say.ts'

/** Where handlers run, in words. */
const places: Readonly<Record<string, string>> = {
  inline: say.types.onTheMainThread,
  thread: say.types.inAThread,
  process: say.types.inAProcess,
  command: say.types.asAnExecutable,
  remote: say.types.inRemoteWorkers,
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
