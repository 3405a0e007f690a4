import type { Boot, LivingBoot } from '../store.ts'
import type { Statements } from './statements.ts'

/** Ended boots are remembered for a day, for those who ask what happened. */
const bootMemory = 86_400_000

/** One process owns the file: whatever boot there was before is over. */
export function startBoot(sql: Statements, boot: Boot, now: number): void {
  const { id, slots, types, version, host, pid } = boot
  sql.endBoots.run(now)
  sql.startBoot.run(id, slots, JSON.stringify(types), version, host, pid, now)
}

export function livingBoots(sql: Statements): LivingBoot[] {
  return (sql.living.all() as unknown as Row[]).map(
    ([id, slots, types, version, host, pid, startedAt, slotsInUse]) => ({
      id,
      slots,
      types: JSON.parse(types) as string[],
      version,
      host,
      pid,
      startedAt,
      renewedAt: null,
      slotsInUse,
    }),
  )
}

export function forgetBoots(sql: Statements, now: number): void {
  sql.forgetBoots.run(now - bootMemory)
}

type Row = [
  id: string,
  slots: number,
  types: string,
  version: string,
  host: string | null,
  pid: number | null,
  startedAt: number,
  slotsInUse: number,
]
