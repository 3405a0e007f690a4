import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program, run } from './machine.ts'

export type FileSystem = 'ext4' | 'xfs'

/** Megabytes; XFS is not made any smaller. */
const sizes = { ext4: 96, xfs: 320 } as const

/** All that are mounted: a signal that ends this process must not leave one behind. */
const mounted = new Set<CuttableDisk>()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const disk of mounted) disk[Symbol.dispose]()
    process.exit(1)
  })
}
process.on('exit', () => {
  for (const disk of mounted) disk[Symbol.dispose]()
})

/**
 * A file system of its own in a file, on a loop device, whose power can be cut: then nothing is there but what was flushed, or
 * what the kernel had written by then.
 */
export class CuttableDisk implements Disposable {
  readonly fileSystem: FileSystem
  readonly #root = mkdtempSync(join(tmpdir(), 'fermata-power-'))
  readonly #image = join(this.#root, 'image')
  readonly #mount = join(this.#root, 'mount')
  #device = ''

  constructor(fileSystem: FileSystem) {
    this.fileSystem = fileSystem
    mounted.add(this)
    try {
      const file = openSync(this.#image, 'w')
      ftruncateSync(file, sizes[fileSystem] * 1_048_576)
      closeSync(file)
      run(`mkfs.${fileSystem}`, '-q', this.#image)
      mkdirSync(this.#mount)
      this.#device = run('losetup', '--find', '--show', this.#image).trim()
      this.#attach()
      mkdirSync(this.directory)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  get directory(): string {
    return join(this.#mount, 'data')
  }

  /** What is open stays open, and everything fails from now on. */
  cut(): void {
    run(program('cut-power'), this.#mount)
  }

  /** Once no process has anything open there. What a machine does that starts: it replays the journal, and checks. */
  restore(): void {
    run('umount', this.#mount)
    this.#attach()
    // Each block of XFS has a checksum, which is verified whenever it is read.
    if (this.fileSystem === 'xfs') return
    run('umount', this.#mount)
    run('e2fsck', '-f', '-n', this.#device)
    this.#attach()
  }

  [Symbol.dispose](): void {
    if (!mounted.delete(this)) return
    quietly('umount', '-l', this.#mount)
    if (this.#device !== '') quietly('losetup', '--detach', this.#device)
    rmSync(this.#root, { recursive: true, force: true })
  }

  #attach(): void {
    run('mount', '-t', this.fileSystem, this.#device, this.#mount)
  }
}

/** It may be undone already. */
function quietly(...command: readonly [string, ...string[]]): void {
  try {
    run(...command)
  } catch {
    // There is nothing left to undo.
  }
}
