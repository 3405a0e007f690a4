import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Room } from '../shortage.ts'

/**
 * Pipes for the standard streams of a command. Node connects children with sockets, which programs can tell from pipes: bash
 * takes a socket for a remote login and reads `~/.bashrc`, and `/dev/stdout` cannot be reopened.
 */
export type Pipes = Readonly<{
  stdin: Socket
  stdout: Socket
  stderr: Socket
  /** The command's ends, in the order of its descriptors; `letGo` once it has them. */
  theirs: readonly [number, number, number]
  letGo(): void
}>

/** Named pipes created at once: `mkfifo` is a process each time. */
const atOnce = 48
const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants

/** Named pipes that nobody has opened, in a folder of their own; each is unlinked when it is opened. */
export class PipeStock {
  #folder: string | undefined
  /** Folders that are no longer used and could not be removed yet. */
  readonly #abandoned = new Set<string>()
  #names: string[] = []
  #made = 0
  readonly #room = new Room()

  /** Undefined if, or while, named pipes cannot be created: sockets are used then. */
  take(): Pipes | undefined {
    if (this.#names.length < 3) this.#make()
    const names = this.#names.splice(0, 3)
    if (names.length < 3) return undefined
    const opened: number[] = []
    try {
      const [input, output, errors] = names.map((name, descriptor) => {
        const pair =
          descriptor === 0 ? openPair(name, O_RDONLY, O_WRONLY) : openPair(name, O_WRONLY, O_RDONLY)
        opened.push(pair.theirs, pair.ours)
        return pair
      }) as [Pair, Pair, Pair]
      const theirs = [input.theirs, output.theirs, errors.theirs] as const
      return {
        stdin: new Socket({ fd: input.ours, readable: false, writable: true }),
        stdout: new Socket({ fd: output.ours, readable: true, writable: false }),
        stderr: new Socket({ fd: errors.ours, readable: true, writable: false }),
        theirs,
        letGo: () => theirs.forEach((descriptor) => closeSync(descriptor)),
      }
    } catch {
      // Out of descriptors, or the folder is gone with all names.
      for (const descriptor of opened) closeSync(descriptor)
      this.#forget()
      return undefined
    }
  }

  close(): void {
    this.#forget()
  }

  /** Must not throw: removing a folder takes a descriptor, and none may be left. */
  #forget(): void {
    if (this.#folder !== undefined) this.#abandoned.add(this.#folder)
    this.#folder = undefined
    this.#names = []
    for (const folder of this.#abandoned) {
      try {
        rmSync(folder, { recursive: true, force: true })
        this.#abandoned.delete(folder)
      } catch {
        // Retried the next time, and when the stock closes.
      }
    }
  }

  /** Failures are retried after a while: the machine may only be short of processes or files at the moment. */
  #make(): void {
    if (!this.#room.isThere) return
    try {
      this.#folder ??= mkdtempSync(join(tmpdir(), 'fermata-pipes-'))
      const folder = this.#folder
      const names = Array.from({ length: atOnce }, () => join(folder, String(++this.#made)))
      const { status } = spawnSync('mkfifo', ['-m', '600', ...names], { stdio: 'ignore' })
      if (status !== 0) throw new Error('mkfifo failed')
      this.#names.push(...names)
      this.#room.started()
    } catch {
      this.#room.failed()
      this.#forget()
    }
  }
}

type Pair = Readonly<{ theirs: number; ours: number }>

/** Commands expect blocking reads and writes, Node never blocks: each has an open file of its own. */
function openPair(name: string, theirFlag: number, ourFlag: number): Pair {
  // With both ends open, no other open waits for its counterpart.
  const both = openSync(name, O_RDWR | O_NONBLOCK)
  try {
    const theirs = openSync(name, theirFlag)
    try {
      return { theirs, ours: openSync(name, ourFlag | O_NONBLOCK) }
    } catch (error) {
      closeSync(theirs)
      throw error
    }
  } finally {
    closeSync(both)
    unlinkSync(name)
  }
}
