import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from './machine.ts'

const troubles = { none: '.', lies: 'l', 'flushes fail': 'f', 'writes fail': 'w', 'reads fail': 'r' } as const

/** What the disk of a server can be made to do, while it runs. `lies`: a flush is answered, and nothing was flushed. */
export type Trouble = keyof typeof troubles

/** As in `native/disk-trouble.c`. */
const [page, slots, slotBytes, dropped] = [4_096, 32_768, 24, 2n]
const dataAt = slots * slotBytes

/** Makes the files in one folder fail for a server that is started with `env`. */
export class DiskTrouble implements Disposable {
  readonly env: Readonly<Record<string, string>>
  readonly #directory: string
  readonly #root = mkdtempSync(join(tmpdir(), 'fermata-trouble-'))
  readonly #control = join(this.#root, 'control')
  readonly #table = join(this.#root, 'dropped')

  constructor(directory: string) {
    this.#directory = directory
    writeFileSync(this.#control, troubles.none)
    this.#forget()
    this.env = {
      LD_PRELOAD: program('disk-trouble'),
      FAULTS_CONTROL: this.#control,
      FAULTS_DROPPED: this.#table,
      FAULTS_UNDER: directory,
    }
  }

  /** From this moment on. */
  set(trouble: Trouble): void {
    // In place: the server has it in its memory.
    writeFileSync(this.#control, troubles[trouble], { flag: 'r+' })
  }

  /**
   * After a cut: takes back what flushes failed to write and nobody wrote again. It was still readable until the cut. Answers how
   * many pages that were.
   */
  drop(): number {
    const names = readdirSync(this.#directory).map((name) => join(this.#directory, name))
    const files = new Map(names.map((name) => [statSync(name).ino, name]))
    const table = openSync(this.#table, 'r')
    const head = Buffer.alloc(dataAt)
    readSync(table, head, 0, dataAt, 0)
    let count = 0
    for (let slot = 0; slot < slots; slot++) {
      const [inode, number, state] = [0, 8, 16].map((at) => head.readBigUInt64LE(slot * slotBytes + at))
      const path = files.get(Number(inode))
      const at = Number(number) * page
      if (state !== dropped || path === undefined) continue
      const length = Math.min(page, statSync(path).size - at)
      if (length <= 0) continue
      const onDisk = Buffer.alloc(length)
      readSync(table, onDisk, 0, length, dataAt + slot * page)
      const file = openSync(path, 'r+')
      writeSync(file, onDisk, 0, length, at)
      fsyncSync(file)
      closeSync(file)
      count++
    }
    closeSync(table)
    this.#forget()
    return count
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true })
  }

  #forget(): void {
    const table = openSync(this.#table, 'w')
    ftruncateSync(table, dataAt + slots * page)
    closeSync(table)
  }
}
