import type { Status } from '../client/index.ts'
import type { Style } from './terminal/terminal.ts'

/** The symbol and style of each status. */
export const looks: Readonly<Record<Status, Readonly<{ symbol: string; style: Style }>>> = {
  waiting: { symbol: '⋯', style: 'cyan' },
  scheduled: { symbol: '◷', style: 'cyan' },
  queued: { symbol: '○', style: 'cyan' },
  running: { symbol: '●', style: 'blue' },
  pausing: { symbol: '◐', style: 'yellow' },
  paused: { symbol: '‖', style: 'yellow' },
  cancelling: { symbol: '◌', style: 'magenta' },
  completed: { symbol: '✔', style: 'green' },
  failed: { symbol: '✘', style: 'red' },
  cancelled: { symbol: '⊘', style: 'magenta' },
}

export const statuses = Object.keys(looks) as Status[]

export function isTerminal(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
