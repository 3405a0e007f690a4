import { renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { LiveCopyData, LiveCopyMessage } from './live-copy.ts'

/** The thread that completes a copy: SQLite itself applies each log, as after a power cut, and checks the result. */
const { target, logs } = workerData as LiveCopyData

function open(): DatabaseSync {
  const db = new DatabaseSync(target)
  db.exec('pragma locking_mode = exclusive')
  return db
}

function failure(): string | null {
  for (const log of logs) {
    renameSync(log, `${target}-wal`)
    const db = open()
    db.exec('pragma wal_checkpoint(truncate)')
    db.close()
  }
  const db = open()
  // One file, without a log next to it.
  db.exec('pragma journal_mode = delete')
  const [found] = db.prepare('pragma quick_check(1)').all()
  db.close()
  const said = Object.values(found ?? {}).join()
  return said === 'ok' ? null : `the copy is damaged: ${said}`
}

parentPort?.postMessage({ failure: failure() } satisfies LiveCopyMessage)
