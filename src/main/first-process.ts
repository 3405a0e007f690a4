import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Process 1 of a container inherits every process whose parent exits, and each stays in the process table until process 1
 * reaps it. Node reaps only its own children. So if the program is process 1, a small shell takes its place, runs the
 * program as its child, and reaps everything.
 */

const shell = '/bin/sh'

/**
 * The program gets its own session, so that Ctrl+C on the terminal reaches only the shell and is forwarded once. Shells
 * connect background processes to /dev/null, so descriptor 3 keeps the input. A signal interrupts `wait`, so its status is
 * the program's only if no signal arrived in the meantime, or if the next `wait` no longer knows the program (127).
 */
const script = `
server=
early=
pass() {
  caught=1
  if [ -n "$server" ]; then kill -s "$1" "$server" 2>/dev/null; else early="$early $1"; fi
}
trap 'pass TERM' TERM
trap 'pass INT' INT
trap 'pass HUP' HUP
exec 3<&0
setsid "$@" <&3 3<&- &
server=$!
exec 3<&-
for signal in $early; do kill -s "$signal" "$server" 2>/dev/null; done
code=127
while :; do
  caught=
  wait "$server"
  status=$?
  [ "$status" = 127 ] || code=$status
  [ -n "$caught" ] || exit "$code"
done
`

/** Restarts the program under such a shell, and does not return then. Returns if that is unnecessary or impossible. */
export function leaveFirstProcess(): void {
  if (process.pid !== 1 || process.execve === undefined || !canStartShell()) return
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(shell, [shell, '-c', script, 'fermata-init', ...program], process.env)
}

/** The warning if `leaveFirstProcess` could not help; undefined unless the program is process 1. */
export function firstProcessWarning(): string | undefined {
  if (process.pid !== 1) return undefined
  return `running as process 1 without ${shell} and setsid, so orphaned processes of commands cannot be reaped: start the container with an init (docker run --init)`
}

/** A failed `execve` would end the process. */
function canStartShell(): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return isExecutable(shell) && folders.some((folder) => isExecutable(join(folder, 'setsid')))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
