import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { nodeVariable } from '../../core/task-variables.ts'

/** Variables that identify the processes of a run; every process inherits them, even a daemon. */
export type Marks = Readonly<{ FERMATA_TASK_ID: string; FERMATA_FENCE: string }>

/** A process with marks, as the kernel shows it. */
export type Marked = Readonly<{
  pid: number
  /** Of its task; undefined for a program started by a handler. */
  task: Readonly<{ id: string; fence: string }> | undefined
  node: NodeMark | undefined
}>

/**
 * `node`: identifies the process, so that another one with the same pid is not mistaken for it. `holder`: the process of the
 * node that started it: its supervisor, or the host of a handler; 0 for a host itself.
 */
export type NodeMark = Readonly<{ node: string; holder: number }>

/** The value of `nodeVariable`. It ends in a dot, so that no pid is a prefix of another one. */
export function nodeMark({ node, holder }: NodeMark): string {
  return `${node}/${holder}.`
}

/** Identifies this process among all on this machine until it reboots; empty if the system does not tell. */
export function identityOf(pid: number): string {
  const { start, state } = standingOf(pid)
  const space = processSpaceOf(pid)
  return start === undefined || state === 'Z' || space === undefined ? '' : `${space}.${pid}.${start}`
}

/** Process ids are only meaningful within their namespace. */
export function processSpaceOf(pid: number): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0]
  } catch {
    return undefined
  }
}

/** Processes without marks, by pid. Checked again from time to time, since pids are reused. */
let foreign = new Set<number>()
let foreignFrom = 0
/** Milliseconds. */
const foreignFor = 5_000

/** How often a process is checked again while it is becoming another program, and the milliseconds in between. */
const mostLooks = 100
const lookEvery = 1
/** Looks at one place after which an environment is believed to be empty: the kernel shows an empty one while it copies the variables. */
const emptyLooks = 20

/**
 * Without `/proc`, only groups are known. `afresh`: includes those that had no marks recently, since a process just created
 * by a supervisor gets them with its program.
 */
export function markedProcesses({ afresh = false } = {}): Marked[] {
  const pids = allProcesses()
  const isFresh = !afresh && performance.now() - foreignFrom < foreignFor
  if (!isFresh) foreignFrom = performance.now()
  const known = isFresh ? foreign : new Set<number>()
  foreign = new Set(pids.filter((pid) => known.has(pid)))
  const found: Marked[] = []
  let open = pids.filter((pid) => !known.has(pid))
  const empty = new Map<number, Readonly<{ place: string; looks: number }>>()
  const isEmpty = (pid: number, place: string) => {
    const before = empty.get(pid)
    const looks = before?.place === place ? before.looks + 1 : 1
    empty.set(pid, { place, looks })
    return looks >= emptyLooks
  }
  for (let looks = 0; open.length > 0 && looks < mostLooks; looks++) {
    if (looks > 0) pause(lookEvery)
    open = open.filter((pid) => {
      const marks = marksOf(pid, isEmpty)
      if (marks === 'none') foreign.add(pid)
      else if (typeof marks === 'object') found.push(marks)
      return marks === 'changing'
    })
  }
  return found
}

export function allProcesses(): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

const nobody = new Int32Array(new SharedArrayBuffer(4))

function pause(ms: number): void {
  Atomics.wait(nobody, 0, 0, ms)
}

/** Whether the environment at this place has been empty for long enough. */
type IsEmpty = (pid: number, place: string) => boolean

/** `changing`: it is becoming another program, whose environment is not visible yet. `ending`: it is no longer visible. */
function marksOf(pid: number, isEmpty: IsEmpty): Marked | 'none' | 'changing' | 'ending' {
  const variables = read(`/proc/${pid}/environ`)
  if (variables === '') return withoutEnvironment(pid, isEmpty)
  const valueOf = (variable: string) => new RegExp(`(?:^|\\0)${variable}=([^\\0]*)`).exec(variables)?.[1]
  const id = valueOf('FERMATA_TASK_ID')
  const fence = valueOf('FERMATA_FENCE')
  const [, node, holder] = /^(.*)\/(\d+)\.$/.exec(valueOf(nodeVariable) ?? '') ?? []
  if (id === undefined && node === undefined) return 'none'
  return {
    pid,
    task: id === undefined || fence === undefined ? undefined : { id, fence },
    node: node === undefined ? undefined : { node, holder: Number(holder) },
  }
}

/** Kernel flags in `/proc/PID/stat` (`PF_EXITING`, `PF_KTHREAD`). */
const isEnding = 0x4
const isKernelThread = 0x20_00_00

function withoutEnvironment(pid: number, isEmpty: IsEmpty): 'none' | 'changing' | 'ending' {
  const { state, flags, emptyAt } = standingOf(pid)
  if (state === undefined || state === 'Z' || (flags & isEnding) !== 0) return 'ending'
  if ((flags & isKernelThread) !== 0 || !isReadable(pid)) return 'none'
  return emptyAt !== undefined && isEmpty(pid, emptyAt) ? 'none' : 'changing'
}

/** Those of another user are not readable. */
function isReadable(pid: number): boolean {
  try {
    readFileSync(`/proc/${pid}/environ`)
    return true
  } catch {
    return false
  }
}

/** `emptyAt`: where the environment is, if it has no variables. */
type Standing = Readonly<{
  state: string | undefined
  group: number
  flags: number
  start: string | undefined
  emptyAt: string | undefined
}>

/** The fields of `/proc/PID/stat` (proc(5)) from the state on, after the name: free text in parentheses. */
export function standingOf(pid: number): Standing {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  const [state, , group] = fields
  return {
    state: state === '' ? undefined : state,
    group: Number(group),
    flags: Number(fields[6]),
    start: fields[19],
    // Both are 0 until the program has its memory.
    emptyAt: fields[47] !== '0' && fields[47] === fields[48] ? fields[47] : undefined,
  }
}

/** Threads in addition to the main thread. */
export function hasThreads(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1
  } catch {
    return false
  }
}

/** Empty for a process that is gone or belongs to another user. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
