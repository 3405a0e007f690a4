/** One thing that `fermata doctor` has looked at. */
export type Finding = Readonly<{
  subject: string
  state: 'ok' | 'warning' | 'failed'
  detail: string
}>

export const ok = (subject: string, detail: string): Finding => ({ subject, state: 'ok', detail })
export const warning = (subject: string, detail: string): Finding => ({ subject, state: 'warning', detail })
export const failed = (subject: string, detail: string): Finding => ({ subject, state: 'failed', detail })

/** The ids of the encryption keys, and whether the first one encrypts. */
export type KeyNames = Readonly<{ encrypts: boolean; ids: readonly string[] }>

/** What is encrypted, against the keys of the configuration. */
export function ofEncryption(found: ReadonlyMap<string, number>, { encrypts, ids }: KeyNames): Finding {
  const plain = found.get('') ?? 0
  const keys = [...found].filter(([key]) => key !== '')
  const shown = [
    `${plain} documents and log lines are plain text`,
    ...keys.map(([key, texts]) => `${texts} are encrypted with the key "${key}"`),
  ].join(', ')
  const missing = keys.filter(([key]) => !ids.includes(key)).map(([key]) => `"${key}"`)
  if (missing.length > 0)
    return failed('encryption', `${shown}; FERMATA_ENCRYPTION_KEYS does not have ${missing.join(' and ')}`)
  if (encrypts && plain > 0)
    return warning(
      'encryption',
      `${shown}: those in plain text were written without a key. To encrypt them, use fermata copy --encrypt`,
    )
  return ok('encryption', encrypts || keys.length > 0 ? shown : `off: ${shown}`)
}

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
