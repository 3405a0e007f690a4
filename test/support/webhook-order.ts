import type { Received } from './receiver.ts'

/** Those of the tasks whose end was not received. */
export function missing(tasks: readonly string[], received: readonly Received[]): string[] {
  const ended = new Set(
    received
      .filter(({ message }) => /^task\.(completed|failed|cancelled)$/.test(message.type))
      .map(({ message }) => message.data['task_id']),
  )
  return tasks.filter((id) => !ended.has(id))
}

/** First receipts of events that came after a later event of the same task. */
export function outOfOrder(received: readonly Received[]): string[] {
  const newest = new Map<unknown, number>()
  const seen = new Set<string>()
  const faults: string[] = []
  for (const { message } of received) {
    const { task_id: id, version } = message.data as { task_id: string; version: number }
    const key = `${id} ${version}`
    if (!seen.has(key) && version < (newest.get(id) ?? 0)) faults.push(`${key} after ${newest.get(id)}`)
    seen.add(key)
    newest.set(id, Math.max(version, newest.get(id) ?? 0))
  }
  return faults
}
