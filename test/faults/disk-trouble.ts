import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from './machine.ts'

const troubles = { none: '.', lies: 'l', 'flushes fail': 'f', 'writes fail': 'w', 'reads fail': 'r' } as const

/** What the disk of a server can be made to do, while it runs. `lies`: a flush is answered, and nothing was flushed. */
export type Trouble = keyof typeof troubles

/** Makes the files in one folder fail for a server that is started with `env`. */
export class DiskTrouble implements Disposable {
  readonly env: Readonly<Record<string, string>>
  readonly #root = mkdtempSync(join(tmpdir(), 'fermata-trouble-'))
  readonly #control = join(this.#root, 'control')

  constructor(directory: string) {
    writeFileSync(this.#control, troubles.none)
    this.env = {
      LD_PRELOAD: program('disk-trouble'),
      FAULTS_CONTROL: this.#control,
      FAULTS_UNDER: directory,
    }
  }

  /** From this moment on. */
  set(trouble: Trouble): void {
    // In place: the server has it in its memory.
    writeFileSync(this.#control, troubles[trouble], { flag: 'r+' })
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true })
  }
}
