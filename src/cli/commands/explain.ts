import { count, duration } from '../format.ts'
import { looks } from '../looks.ts'
import type { Action } from '../perform.ts'
import { safe } from '../terminal/text.ts'

export const explain: Action = async (session, command) => {
  const [id = ''] = command.args
  const answer = await session.client.explainTask(id)
  if (session.json) return session.printJson(answer).then(() => undefined)
  const { task_id, status, reasons, position, limits, eta_seconds: eta } = answer
  const { out } = session
  await out.print(safe`${task_id}  ${out.paint(looks[status].style, `${looks[status].symbol} ${status}`)}`)
  for (const { message } of reasons) await out.print(`  ${message}`)
  for (const { name, key, holders, ahead } of limits) {
    if (holders.length === 0 && ahead === 0) continue
    const bucket = key === '' ? name : `${name} for ${key}`
    if (holders.length > 0) await out.print(safe`  ${bucket} is held by ${holders.join(', ')}`)
    if (ahead > 0) await out.print(safe`  Ahead of it under ${bucket}: ${count(ahead)}`)
  }
  if (position !== null) {
    const place = typeof position === 'number' ? count(position) : position
    await out.print(`  Queue position: ${place}`)
  }
  if (eta !== null) await out.print(`  Starts in about ${duration(eta)}`)
  return undefined
}
