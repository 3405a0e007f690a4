import { spawn } from 'node:child_process'
import { join } from 'node:path'

/**
 * `npm run dev`: the server on port 8000, restarted when a file below `src` changes, and the page on port 5173, updated in the
 * browser as you type. Arguments go to `fermata serve`: `npm run dev -- --tasks examples`.
 */
const root = join(import.meta.dirname, '..')
const { PORT: port = '8000', FERMATA_URL: url = `http://127.0.0.1:${port}` } = process.env

const parts = [
  start(process.execPath, ['--watch-path=src', 'src/main.ts', 'serve', ...process.argv.slice(2)]),
  // Not by npm, which does not forward signals.
  start(process.execPath, [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'dashboard'], {
    FERMATA_URL: url,
  }),
]
for (const part of parts) {
  part.once('exit', (code) => {
    process.exitCode ||= code ?? 0
    for (const other of parts) other.kill()
  })
}
// A terminal signals all of them; other signals are passed on.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => parts.forEach((part) => part.kill()))

function start(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(file, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
}
