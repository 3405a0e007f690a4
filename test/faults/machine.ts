import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian puts what administrators run, besides the path of the caller. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
const sources = join(import.meta.dirname, 'native')
const compiled = join(import.meta.dirname, '../../node_modules/.cache/faults')

/** The full path of a program of this machine. */
export function programAt(name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => can(path, constants.X_OK))
}

/** Runs it to its end, and returns its output. Throws with what it said if it fails. */
export function run(name: string, ...args: readonly string[]): string {
  return execFileSync(programAt(name) ?? name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What a fault needs of a machine. Each says why it is not there, or nothing. */
const needs = {
  root: () => (process.getuid?.() === 0 ? undefined : 'only root can do this'),
  'loop devices': () => (can('/dev/loop-control', constants.W_OK) ? undefined : 'no /dev/loop-control'),
  gcc: () => missing('gcc', 'gcc libc6-dev'),
  ext4: () => missing('mkfs.ext4', 'e2fsprogs') ?? fileSystem('ext4'),
  xfs: () => missing('mkfs.xfs', 'xfsprogs') ?? fileSystem('xfs'),
  'network namespaces': () => missing('ip', 'iproute2') ?? missing('iptables', 'iptables'),
  libfaketime: () => (fakeTime() === undefined ? 'apt-get install -y libfaketime' : undefined),
} as const satisfies Readonly<Record<string, () => string | undefined>>

export type Need = keyof typeof needs

/**
 * Undefined if this machine can make a fault; else what is missing, by name. Where `TEST_FAULTS` is `required`, as in the gate
 * on a machine that has it all, that is an error.
 */
export function lacking(fault: string, ...wanted: readonly Need[]): string | undefined {
  const absent = wanted.flatMap((need) => {
    const why = needs[need]()
    return why === undefined ? [] : [`${need} (${why})`]
  })
  if (absent.length === 0) return undefined
  const told = `${fault} cannot be tested on this machine: it lacks ${absent.join(', ')}`
  if (process.env['TEST_FAULTS'] === 'required') throw new Error(told)
  process.stderr.write(`\n${told}\n\n`)
  return told
}

/** Compiles one of the programs in `native/`, unless that was done since it changed, and returns its path. */
export function program(name: 'cut-power' | 'disk-trouble'): string {
  const isLibrary = name === 'disk-trouble'
  const source = join(sources, `${name}.c`)
  const target = join(compiled, isLibrary ? `${name}.so` : name)
  const made = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (made < statSync(source).mtimeMs) {
    mkdirSync(compiled, { recursive: true })
    run('gcc', '-O2', '-Wall', '-Werror', ...(isLibrary ? ['-shared', '-fPIC'] : []), '-o', target, source)
  }
  return target
}

/** The library that shifts the clock of a process. */
export function fakeTime(): string | undefined {
  const path = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`
  return can(path, constants.R_OK) ? path : undefined
}

function missing(name: string, debian: string): string | undefined {
  return programAt(name) === undefined ? `apt-get install -y ${debian}` : undefined
}

function fileSystem(name: string): string | undefined {
  return run('cat', '/proc/filesystems').includes(name) ? undefined : 'the kernel does not know it'
}

function can(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
