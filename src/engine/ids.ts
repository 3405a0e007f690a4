import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from '../core/clock.ts'
import { endingWriter } from '../core/short-id.ts'

const bytesEach = 8
const longestQueuePosition = 0x7fff_ffff

/**
 * A source of UUIDs, version 7, each greater than the previous one, so rows are added at the end of an index. Random bytes
 * are fetched in blocks, which cuts the cost of an id to a fifth. The endings encode the time: see `core/short-id.ts`.
 */
export function idSource(clock: Clock): () => string {
  // Used by this source only: two sources that read the same bytes within a millisecond would create the same id.
  const bytes = new Uint8Array(bytesEach * 512)
  const pool = new DataView(bytes.buffer)
  // Random bytes for ids; only the last six bytes of each are used.
  const random = new Uint8Array(16)
  const writeEnding = endingWriter()
  let used = pool.byteLength
  let msecs = 0
  let seq = 0
  return () => {
    if (used === pool.byteLength) {
      randomFillSync(bytes)
      used = 0
    }
    const [first, second] = [pool.getUint32(used), pool.getUint32(used + 4)]
    used += bytesEach
    const now = clock.now()
    if (now > msecs) {
      msecs = now
      // Half of the range stays free for ids of the same millisecond.
      seq = first >>> 2
    } else if (seq++ === longestQueuePosition) {
      msecs++
      seq = 0
    }
    random[10] = second >>> 24
    random[11] = second >>> 16
    random[12] = second >>> 8
    random[13] = second
    writeEnding(random, msecs)
    return v7({ random, msecs, seq })
  }
}
