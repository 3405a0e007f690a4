import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fdatasync,
  fstatSync,
  openSync,
  read,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  write,
  writeSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { StoreUnavailable } from '../../core/errors.ts'
import type { BackupFile } from '../store.ts'

const [readAt, writeAt, syncData] = [promisify(read), promisify(write), promisify(fdatasync)]
const entry = new URL(`./live-copy-main${extname(import.meta.filename)}`, import.meta.url)

/** Bytes that are read at once, and after which they are flushed, so that the disk stays free for commits. */
const chunk = 1_048_576
const flushEvery = 8 * chunk

export type Source = Readonly<{
  db: DatabaseSync
  /** Real path of the database. */
  path: string
  /** A descriptor of it that stays open as long as the database: closing one releases the locks of the process. */
  file: number
  /** Pages in the `-wal` file after which it is checkpointed. */
  checkpointAfter: number
}>

/** What the thread that completes a copy gets: the copy, and logs to apply to it in order. */
export type LiveCopyData = Readonly<{ target: string; logs: readonly string[] }>

/** Null, or why the copy is not a database. */
export type LiveCopyMessage = Readonly<{ failure: string | null }>

/**
 * Copies a database that is being written, without blocking writers. The file is read page by page while checkpoints change
 * it, so the copy alone is inconsistent; but everything that any checkpoint wrote since the start is also in the `-wal` file, whose
 * frames are copied after each commit. Applied to the copy in order, they give the state of the last commit. For that, no
 * frame may be overwritten before it is copied: during a copy, only this class checkpoints.
 */
export class LiveCopy {
  readonly #source: Source
  readonly #target: string
  readonly #frames: StatementSync
  readonly #frameSize: number
  readonly #wal: number
  readonly #buffer = Buffer.allocUnsafe(chunk)
  readonly #logs: string[] = []
  #log = -1
  /** Bytes of the `-wal` file that are in the current log. */
  #copied = 0
  #failure: Error | undefined
  #ended = false

  constructor(source: Source) {
    const { db, path } = source
    this.#source = source
    this.#target = `${path}${suffix}${randomUUID()}`
    this.#frames = db.prepare('pragma wal_checkpoint(noop)')
    this.#frameSize = 24 + Number(db.prepare('pragma page_size').get()?.['page_size'])
    db.exec('pragma wal_autocheckpoint = 0')
    this.#wal = openSync(`${path}-wal`, 'r')
    try {
      this.#nextLog()
    } catch (error) {
      this.#end()
      throw error
    }
  }

  /** After each commit, in the same turn: copies its frames. Never throws. */
  committed(): void {
    if (this.#ended) return
    try {
      const frames = Number(this.#frames.get()?.['log'])
      const end = frames === 0 ? 0 : 32 + frames * this.#frameSize
      if (end < this.#copied) throw new Error('its log was checkpointed')
      while (this.#copied < end) {
        const wanted = Math.min(chunk, end - this.#copied)
        const bytes = readSync(this.#wal, this.#buffer, 0, wanted, this.#copied)
        if (bytes === 0) throw new Error('its log is shorter than what was committed')
        writeSync(this.#log, this.#buffer, 0, bytes, this.#copied)
        this.#copied += bytes
      }
      if (frames >= this.#source.checkpointAfter) this.#nextLog()
    } catch (error) {
      this.abort(error)
    }
  }

  /** Gives up, and frees its space. */
  abort(reason: unknown): void {
    if (this.#failure !== undefined) return
    const why = reason instanceof Error ? reason.message : String(reason)
    this.#failure = new StoreUnavailable(`The backup could not be completed: ${why}.`, {
      unknown: false,
      cause: reason,
    })
    this.#end()
    this.#remove()
  }

  /** Holds everything that was committed before, and some of what was committed during the copy. */
  async run(): Promise<BackupFile> {
    try {
      await this.#copyFile()
      // Whoever aborts it has done this already.
      if (this.#failure !== undefined) throw this.#failure
      const logs = this.#logs.filter((path) => statSync(path).size > 0)
      this.#end()
      await complete({ target: this.#target, logs })
      this.#removeLogs()
      return fileAt(this.#target)
    } catch (error) {
      this.abort(error)
      throw this.#failure
    }
  }

  async #copyFile(): Promise<void> {
    const { file } = this.#source
    const target = openSync(this.#target, 'wx', 0o600)
    try {
      const buffer = Buffer.allocUnsafe(chunk)
      // What is added later is in the log.
      const { size } = fstatSync(file)
      for (let at = 0; at < size && this.#failure === undefined;) {
        const { bytesRead } = await readAt(file, buffer, 0, Math.min(chunk, size - at), at)
        if (bytesRead === 0) break
        await writeAt(target, buffer, 0, bytesRead, at)
        at += bytesRead
        if (at % flushEvery < bytesRead) await syncData(target)
      }
      await syncData(target)
    } finally {
      closeSync(target)
    }
  }

  /** Checkpoints what is copied; the `-wal` file starts from its beginning, and so does a new log. */
  #nextLog(): void {
    const { db } = this.#source
    const { busy, log } = db.prepare('pragma wal_checkpoint(truncate)').get() ?? {}
    if (busy !== 0 || log !== 0) throw new Error('its log could not be checkpointed')
    if (this.#log !== -1) closeSync(this.#log)
    const path = `${this.#target}-log-${this.#logs.length}`
    this.#log = openSync(path, 'wx', 0o600)
    this.#logs.push(path)
    this.#copied = 0
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    const { db, checkpointAfter } = this.#source
    if (this.#log !== -1) closeSync(this.#log)
    this.#log = -1
    closeSync(this.#wal)
    if (db.isOpen) db.exec(`pragma wal_autocheckpoint = ${checkpointAfter}`)
  }

  #remove(): void {
    rmSync(this.#target, { force: true })
    this.#removeLogs()
  }

  #removeLogs(): void {
    for (const path of [...this.#logs, `${this.#target}-wal`]) rmSync(path, { force: true })
  }
}

const suffix = '-backup-'

/** Deletes what a process that died has left of its copies. Only for the process that owns the database. */
export function removeUnfinished(path: string): void {
  const prefix = `${basename(path)}${suffix}`
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name), { force: true })
  }
}

/** A database that is only in memory is copied at once: it cannot be large. */
export function copyOfMemory(db: DatabaseSync): BackupFile {
  const path = join(tmpdir(), `fermata${suffix}${randomUUID()}`)
  db.prepare('vacuum into ?').run(path)
  return fileAt(path)
}

function fileAt(path: string): BackupFile {
  return { path, size: statSync(path).size, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}

/** In a thread: applying the logs and checking the result takes long. */
async function complete(workerData: LiveCopyData): Promise<void> {
  const thread = new Worker(entry, { workerData })
  const failure = await new Promise<string | null>((resolve, reject) => {
    thread.on('message', (message: LiveCopyMessage) => resolve(message.failure))
    thread.on('error', reject)
    thread.on('exit', () => resolve('the thread that checks it ended early'))
  })
  if (failure !== null) throw new Error(failure)
}
