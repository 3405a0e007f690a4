import type { FileSystem } from './cuttable-disk.ts'
import type { Trouble } from './disk-trouble.ts'
import { DiskRounds } from './disk-rounds.ts'
import { grouped } from '../support/grouped.ts'
import type { Outcome } from './report.ts'

type Told = (line: string) => void

export type DiskRun = Readonly<{ fileSystem: FileSystem; rounds: number; seed: number; told: Told }>

type Kind = Readonly<{
  /** One round on the disk: answers each fact that it lost. */
  round: (disk: DiskRounds, number: number) => Promise<readonly string[]>
  /** Milliseconds of each recovery. */
  recoveries: (disk: DiskRounds) => readonly number[]
}>

/** The power is cut again and again; every fifth cut falls into a start. */
export function powerCuts(run: DiskRun): Promise<Outcome> {
  return onDisk(run, {
    round: (disk, number) => (number % 5 === 4 ? disk.stillborn() : disk.round()),
    recoveries: ({ starts }) => starts,
  })
}

/** Writes, flushes or reads fail for a while, then the power is cut. */
export function failingDisk(run: DiskRun): Promise<Outcome> {
  const troubles: readonly Trouble[] = ['writes fail', 'flushes fail', 'reads fail']
  return onDisk(run, {
    round: (disk, number) => disk.round(troubles[number % troubles.length]),
    recoveries: (disk) => disk.recoveries,
  })
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

/** Rounds on one disk until a fact is lost; if none is, everything must end and is audited. */
async function onDisk({ fileSystem, rounds, seed, told }: DiskRun, kind: Kind): Promise<Outcome> {
  await using disk = new DiskRounds(fileSystem, seed)
  const lost: string[] = []
  let made = 0
  while (made < rounds && lost.length === 0) {
    lost.push(...(await kind.round(disk, made)))
    made += 1
    told(`round ${made} of ${rounds} on ${fileSystem}: ${JSON.stringify(disk.checked)}`)
  }
  if (lost.length === 0) await disk.finish()
  for (const fact of lost) told(fact)
  return {
    rounds: made,
    checked: sum(disk.checked),
    violations: lost.length,
    recovery: Math.round(Math.max(...kind.recoveries(disk))),
  }
}

function sum(checked: DiskRounds['checked']): number {
  return Object.values(checked).reduce((total, count) => total + count, 0)
}
