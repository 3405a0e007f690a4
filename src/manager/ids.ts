import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from '../core/clock.ts'

const bytesEach = 16
const longestSeq = 0x7fff_ffff

/**
 * A source of UUIDs, version 7, each greater than the one before: rows then enter an index at its end. Randomness is
 * fetched in blocks, which makes an id cost a fifth.
 */
export function idSource(clock: Clock): () => string {
  // Of this source alone: two that read the same bytes within a millisecond would make the same id.
  const pool = new Uint8Array(bytesEach * 256)
  let used = pool.length
  let msecs = 0
  let seq = 0
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    const random = pool.subarray(used, used + bytesEach)
    used += bytesEach
    const now = clock.now()
    if (now > msecs) {
      msecs = now
      // Half of the range stays free for the ids of the same millisecond.
      seq = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 2
    } else if (seq++ === longestSeq) {
      msecs++
      seq = 0
    }
    return v7({ random, msecs, seq })
  }
}
