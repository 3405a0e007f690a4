import { expect, test } from 'vitest'
import { seedOf } from '../support/chance.ts'
import { DiskRounds } from './disk-rounds.ts'
import { lacking } from './machine.ts'

const skipped = lacking('a power cut', 'root', 'loop devices', 'gcc', 'ext4') !== undefined

test.skipIf(skipped)(
  'nothing acknowledged or shown is lost when flushes fail for a while and then the power is cut, under load',
  async () => {
    await using disk = new DiskRounds('ext4', seedOf('FAULTS_SEED'))
    expect(await disk.round('flushes fail')).toEqual([])
    await disk.finish()
    console.log(`power cut: ${JSON.stringify(disk.checked)}`)
    expect(disk.checked.submits).toBeGreaterThan(10)
    // The proof can fail: on a disk that answers a flush without one, facts are lost.
    expect((await disk.round('lies')).length).toBeGreaterThan(0)
  },
)
