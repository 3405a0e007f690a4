import { spawn } from 'node:child_process'
import { nodeVariable } from '../../../core/task-variables.ts'

/**
 * A small shell that waits until the guard is gone, however it went, and kills what the guard has left: the groups that it was told
 * of, and where there is `/proc` also the daemons that have left them. Without it they would run on when a node dies together with
 * its guard.
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

  /** `mark`: the value of the variable that the processes of the guard bear. */
  constructor(mark: string) {
    const shell = spawn('/bin/sh', ['-c', script, 'fermata-watchdog', mark], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    // Where there is no shell there are no more than the guard and the next start.
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
