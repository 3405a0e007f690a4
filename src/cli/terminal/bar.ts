import type { Terminal } from './terminal.ts'
import { safe, type SafeText } from './text.ts'

/** A bar of this many columns; without a ratio, only an empty one. The two parts differ even without colors. */
export function bar(
  terminal: Terminal,
  ratio: number | null,
  width: number,
  style: 'blue' | 'green' | 'yellow' | 'red' | 'magenta' | 'cyan' = 'blue',
): SafeText {
  const filled = Math.round(Math.min(1, Math.max(0, ratio ?? 0)) * width)
  return safe`${terminal.paint(style, '━'.repeat(filled))}${terminal.paint('dim', '─'.repeat(width - filled))}`
}
