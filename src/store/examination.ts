/** One thing that `fermata doctor` has looked at. */
export type Finding = Readonly<{
  subject: string
  state: 'ok' | 'warning' | 'failed'
  detail: string
}>

export const ok = (subject: string, detail: string): Finding => ({ subject, state: 'ok', detail })
export const warning = (subject: string, detail: string): Finding => ({ subject, state: 'warning', detail })
export const failed = (subject: string, detail: string): Finding => ({ subject, state: 'failed', detail })

/** The counts that change with each transition, against the tasks themselves. */
export function ofCounts(counted: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): Finding {
  const keys = [...new Set([...counted.keys(), ...found.keys()])]
  const wrong = keys.filter((key) => (counted.get(key) ?? 0) !== (found.get(key) ?? 0))
  const tasks = [...found.values()].reduce((sum, count) => sum + count, 0)
  if (wrong.length === 0) return ok('counts', `agree with the ${tasks} tasks`)
  return failed(
    'counts',
    `disagree: ${wrong.map((key) => `${key}: ${counted.get(key) ?? 0} counted, ${found.get(key) ?? 0} found`).join('; ')}`,
  )
}
