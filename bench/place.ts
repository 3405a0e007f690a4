import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'
import { v7 as uuid } from 'uuid'

/** A folder that is removed at the end of its block. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-bench-'))
  return {
    file: (name: string) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The URL of a new database on the PostgreSQL server at `url`. */
export async function emptyDatabase(url: string, name: string): Promise<string> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return url.replace(/\/postgres$/, `/${name}`)
}

/** SQLite as the store opens it, with two bare tables: the upper bound for a task manager on it. */
export function bareSqlite(path: string) {
  const db = new DatabaseSync(path)
  db.exec(`
    pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full;
    pragma wal_autocheckpoint = 4000;
    create table tasks (n integer primary key, id text not null unique, type text, status text, priority integer, queuePosition integer, timeline text);
    create index queue on tasks (type, priority desc, queuePosition) where status = 'queued';
    create table bodies (n integer primary key, body text);
  `)
  const task = db.prepare(`insert into tasks values (?, ?, 'noop', 'queued', 0, ?, '[1]')`)
  const body = db.prepare('insert into bodies values (?, ?)')
  const moved = db.prepare(`update tasks set status = ?, timeline = timeline || ? where n = ? and status = ?`)
  let n = 0
  let group: ((n: number) => void)[] = []
  return {
    db,
    group(work: () => void): void {
      db.exec('begin')
      work()
      db.exec('commit')
    },
    insert(): number {
      n++
      task.run(n, uuid(), n)
      body.run(n, '{"a":1}')
      return n
    },
    move(of: number, from: string, to: string): void {
      moved.run(to, ',[2]', of, from)
    },
    /** One commit for all callers within one turn of the event loop. */
    insertGrouped(): Promise<number> {
      return new Promise((resolve) => {
        if (group.push(resolve) > 1) return
        setImmediate(() => {
          const waiting = group
          group = []
          const inserted: number[] = []
          this.group(() => {
            for (let i = 0; i < waiting.length; i++) inserted.push(this.insert())
          })
          for (const [index, done] of waiting.entries()) done(inserted[index] ?? 0)
        })
      })
    },
    [Symbol.dispose]: () => db.close(),
  }
}
