import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Process 1 of a container inherits every process whose parent ends, and each stays in the process table until process 1 collects
 * it. Node collects its own children only. So where the program is process 1, a small shell takes its place, runs the program
 * as its child, and collects whatever ends.
 */

const shell = '/bin/sh'

/**
 * The program gets a session of its own, so that Ctrl+C on the terminal reaches the shell alone and is passed on once. Shells connect
 * what runs beside them to /dev/null: descriptor 3 keeps the input. A signal interrupts `wait`, so its answer is the program's
 * only if no signal came meanwhile, or if the next `wait` no longer knows the program (127).
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

/** Starts the program again below such a shell, and then does not return. Returns where nothing is to be done or can be done. */
export function leaveFirstProcess(): void {
  if (process.pid !== 1 || process.execve === undefined || !canStartShell()) return
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(shell, [shell, '-c', script, 'fermata-init', ...program], process.env)
}

/** What is logged where `leaveFirstProcess` could not help; undefined where the program is not process 1. */
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
