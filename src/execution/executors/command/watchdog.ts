import { spawn } from 'node:child_process'
import { nodeVariable } from '../../../core/task-variables.ts'

/**
 * A small shell that waits until the supervisor is gone, for whatever reason, and kills what it has left: the groups it was
 * told about and, with `/proc`, also daemons that have left them. Otherwise they would survive when a node dies together
 * with its supervisor.
 */
const script = `
groups=
while read -r sign group; do
  kept=
  for one in $groups; do [ "$one" = "$group" ] || kept="$kept $one"; done
  groups=$kept
  [ "$sign" = - ] || groups="$groups $group"
done
for one in $groups; do kill -KILL -- "-$one"; done
round=0
while [ -d /proc/self ] && [ $round -lt 20 ]; do
  round=$((round + 1))
  left=
  for file in $(grep -slF "${nodeVariable}=$1" /proc/[0-9]*/environ); do
    grep -sqF FERMATA_TASK_ID= "$file" || continue
    left=\${file#/proc/}
    kill -KILL "\${left%/environ}"
  done
  [ -n "$left" ] || break
done
`

export class Watchdog {
  readonly #tell: (line: string) => void

  /** `mark`: the value of the variable in all processes of the supervisor. */
  constructor(mark: string) {
    const shell = spawn('/bin/sh', ['-c', script, 'fermata-watchdog', mark], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    // Without a shell, only the supervisor and the next start remain.
    shell.on('error', () => undefined)
    shell.stdin?.on('error', () => undefined)
    this.#tell = (line) => void shell.stdin?.write(line)
  }

  started(group: number): void {
    this.#tell(`+ ${group}\n`)
  }

  ended(group: number): void {
    this.#tell(`- ${group}\n`)
  }
}
