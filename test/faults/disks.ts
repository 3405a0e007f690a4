import type { FileSystem } from './cuttable-disk.ts'
import type { Trouble } from './disk-trouble.ts'
import { DiskRounds } from './disk-rounds.ts'
import { grouped, type Outcome } from './report.ts'

type Told = (line: string) => void

/** The power is cut again and again; every fifth cut falls into a start. */
export async function powerCuts(
  fileSystem: FileSystem,
  rounds: number,
  seed: number,
  told: Told,
): Promise<Outcome> {
  await using disk = new DiskRounds(fileSystem, seed)
  const lost: string[] = []
  for (let round = 0; round < rounds; round++) {
    lost.push(...(await (round % 5 === 4 ? disk.stillborn() : disk.round())))
    told(`cut ${round + 1} of ${rounds} on ${fileSystem}: ${JSON.stringify(disk.checked)}`)
    if (lost.length > 0) break
  }
  if (lost.length === 0) await disk.finish()
  for (const fact of lost) told(fact)
  return {
    rounds,
    checked: sum(disk.checked),
    violations: lost.length,
    recovery: slowest(disk.starts),
  }
}

/** The same on a disk that answers flushes without one: reports how much that loses, which must be something. */
export async function negativeControl(rounds: number, seed: number, told: Told): Promise<Outcome> {
  const losses: number[] = []
  let checked = 0
  for (let round = 0; round < rounds; round++) {
    await using disk = new DiskRounds('ext4', seed + round)
    await disk.round()
    losses.push((await disk.round('lies')).length)
    checked += sum(disk.checked)
    told(`cut ${round + 1} of ${rounds} on a disk that lies: ${losses.at(-1)} facts are lost`)
  }
  const unseen = losses.filter((loss) => loss === 0).length
  return {
    rounds,
    checked,
    violations: unseen,
    recovery: null,
    note: `${grouped(losses.reduce((a, b) => a + b))} facts were lost`,
  }
}

/** Writes, flushes or reads fail for a while, then the power is cut. */
export async function failingDisk(
  fileSystem: FileSystem,
  rounds: number,
  seed: number,
  told: Told,
): Promise<Outcome> {
  const troubles: readonly Trouble[] = ['writes fail', 'flushes fail', 'reads fail']
  await using disk = new DiskRounds(fileSystem, seed)
  const lost: string[] = []
  for (let round = 0; round < rounds; round++) {
    const trouble = troubles[round % troubles.length]!
    lost.push(...(await disk.round(trouble)))
    told(`${trouble}, ${round + 1} of ${rounds} on ${fileSystem}: ${JSON.stringify(disk.checked)}`)
    if (lost.length > 0) break
  }
  if (lost.length === 0) await disk.finish()
  for (const fact of lost) told(fact)
  return {
    rounds,
    checked: sum(disk.checked),
    violations: lost.length,
    recovery: slowest(disk.recoveries),
  }
}

function sum(checked: DiskRounds['checked']): number {
  return Object.values(checked).reduce((total, count) => total + count, 0)
}

function slowest(times: readonly number[]): number {
  return Math.round(Math.max(...times))
}
