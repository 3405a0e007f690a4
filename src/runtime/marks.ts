import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { nodeVariable } from '../core/task-variables.ts'

/** Variables by which a process is known as one of a run's; every process inherits them, a daemon too. */
export type Marks = Readonly<{ FERMATA_TASK_ID: string; FERMATA_FENCE: string }>

/** A process that bears marks, as the kernel shows it. */
export type Marked = Readonly<{
  pid: number
  /** Of its task; undefined of a program that a handler has started. */
  task: Readonly<{ id: string; fence: string }> | undefined
  node: NodeMark | undefined
}>

/**
 * `node`: which process it was, so that another one with the same number is not taken for it. `holder`: the process of the node
 * that started it: its guard, or the host of a handler; 0 for a host itself.
 */
export type NodeMark = Readonly<{ node: string; holder: number }>

/** The value of `nodeVariable`. It ends in a dot, so that no number is the beginning of another one. */
export function nodeMark({ node, holder }: NodeMark): string {
  return `${node}/${holder}.`
}

/** Which process this is, among all that this machine runs until it starts again; empty where the system does not tell. */
export function identityOf(pid: number): string {
  const { start, state } = standingOf(pid)
  const space = processSpaceOf(pid)
  return start === undefined || state === 'Z' || space === undefined ? '' : `${space}.${pid}.${start}`
}

/** Numbers of processes mean something only within their namespace. */
export function processSpaceOf(pid: number): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0]
  } catch {
    return undefined
  }
}

/** Processes that bear no marks: they cannot get any. Looked at again now and then, since numbers are used again. */
let foreign = new Set<string>()
let foreignFrom = 0
/** Milliseconds. */
const foreignFor = 5_000

/** Where there is no `/proc`, only groups are known. */
export function markedProcesses(): Marked[] {
  if (process.platform !== 'linux') return []
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const known = performance.now() - foreignFrom < foreignFor ? foreign : new Set<string>()
  if (known !== foreign) foreignFrom = performance.now()
  foreign = new Set(names.filter((name) => known.has(name)))
  return names.flatMap((name) => {
    if (known.has(name)) return []
    const marked = marksOf(name)
    if (marked === undefined) foreign.add(name)
    return marked ?? []
  })
}

function marksOf(name: string): Marked | undefined {
  const variables = read(`/proc/${name}/environ`)
  const valueOf = (variable: string) => new RegExp(`(?:^|\\0)${variable}=([^\\0]*)`).exec(variables)?.[1]
  const id = valueOf('FERMATA_TASK_ID')
  const fence = valueOf('FERMATA_FENCE')
  const [, node, holder] = /^(.*)\/(\d+)\.$/.exec(valueOf(nodeVariable) ?? '') ?? []
  if (id === undefined && node === undefined) return undefined
  return {
    pid: Number(name),
    task: id === undefined || fence === undefined ? undefined : { id, fence },
    node: node === undefined ? undefined : { node, holder: Number(holder) },
  }
}

/** The name in parentheses, which is free text, comes before the state; the group is two fields on, the start 19. */
export function standingOf(
  pid: number,
): Readonly<{ state: string | undefined; group: number; start: string | undefined }> {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  return { state: fields[0], group: Number(fields[2]), start: fields[19] }
}

/** Empty for a process that is gone, or another user's. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
