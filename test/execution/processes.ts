import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** A process according to the kernel. */
type Stat = Readonly<{ parent: number; state: string; group: number; ticks: number }>

function statOf(pid: number | string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name is in parentheses, and may contain anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const number = (index: number) => Number(fields[index])
    return { state: fields[0] ?? '', parent: number(1), group: number(2), ticks: number(11) + number(12) }
  } catch {
    return undefined
  }
}

function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

export function childrenOf(parent: number): number[] {
  return allProcesses().filter((pid) => statOf(pid)?.parent === parent && alive(pid))
}

/** Ended children that their parent has not reaped. */
export function zombiesOf(parent: number): number[] {
  return allProcesses().filter((pid) => {
    const stat = statOf(pid)
    return stat?.parent === parent && stat.state === 'Z'
  })
}

export function descendantsOf(ancestor: number): number[] {
  return childrenOf(ancestor).flatMap((pid) => [pid, ...descendantsOf(pid)])
}

/** Whether it was stopped by SIGSTOP. */
export function isStopped(pid: number): boolean {
  return statOf(pid)?.state === 'T'
}

/** Whether it exists and is not a zombie. */
export function alive(pid: number): boolean {
  const state = statOf(pid)?.state
  return state !== undefined && state !== 'Z'
}

/** Its file and arguments, separated by spaces. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** Names of its threads. */
export function threadsOf(pid: number): string[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    return tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim())
  } catch {
    return []
  }
}

/** CPU milliseconds used by each of its threads. */
export function threadTimes(pid: number): Map<string, number> {
  return new Map(
    readdirSync(`/proc/${pid}/task`).map((thread) => [thread, cpuMilliseconds(`${pid}/task/${thread}`)]),
  )
}

/** Niceness of its threads with their names; `session`: of its session, if the kernel schedules by session. */
export function nicenessOf(
  pid: number,
): Readonly<{ threads: [name: string, nice: number][]; session: string }> {
  const threads = readdirSync(`/proc/${pid}/task`).map((task): [string, number] => {
    const text = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return [text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), Number(fields[16])]
  })
  const autogroup = `/proc/${pid}/autogroup`
  return { threads, session: existsSync(autogroup) ? readFileSync(autogroup, 'utf8').trim() : '' }
}

/** CPU milliseconds used by a process, or by a thread: `PID/task/THREAD`. */
export function cpuMilliseconds(pid: number | string): number {
  return (statOf(pid)?.ticks ?? 0) * 10
}
