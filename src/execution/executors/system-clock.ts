import { uptime } from 'node:os'
import type { Clock } from '../../core/clock.ts'

/** The longest timer of the platform, in ms. */
const longestTimer = 2_147_483_647

/** The clock of the machine. Its timers do not keep the process alive. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1_000,
  after(ms: number, fire: () => void): () => void {
    let timer: NodeJS.Timeout
    const arm = (left: number) => {
      const step = Math.min(left, longestTimer)
      timer = setTimeout(() => (left > step ? arm(left - step) : fire()), step).unref()
    }
    arm(Math.max(0, ms))
    return () => clearTimeout(timer)
  },
})
