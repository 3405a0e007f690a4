import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StoreUnavailable, TypeUnknown } from '../../core/errors.ts'
import { until } from '../../../test/support/until.ts'
import { Commits } from './commits.ts'

const codes = { ioError: 10, full: 13, busy: 5, constraint: 19, corrupt: 11 }

/** What node:sqlite throws. */
function sqliteError(errcode: number): Error {
  return Object.assign(new Error('the driver says so'), { code: 'ERR_SQLITE_ERROR', errcode })
}

/** A real database, whose statements can be made to fail; and a ledger that keeps count of what it is asked for. */
class Disk {
  readonly statements: string[] = []
  /** Thrown once by the next statement with this text. */
  failures = new Map<string, Error>()
  reloads = 0
  reopens = 0
  gone = false
  #db = new DatabaseSync(':memory:')
  readonly commits: Commits

  constructor() {
    this.#db.exec('create table kept (name text unique) strict')
    this.#watch()
    this.commits = new Commits(this.#db, {
      begin: () => {},
      flush: () => this.#fail('flush'),
      reload: () => void (this.reloads += 1),
      reopen: () => this.#reopen(),
      loss: () => undefined,
      makeRoom: () => false,
      room: () => 'again',
      pages: () => 1,
      written: () => 0,
      committed: () => true,
    })
  }

  /** A job as the store has them. */
  keep(name: unknown): Promise<string> {
    return this.commits.write(() => {
      this.#fail(`keep ${String(name)}`)
      this.#db.prepare('insert into kept values (?)').run(name as string)
      return `kept ${String(name)}`
    })
  }

  kept(): unknown[] {
    return this.#db
      .prepare('select name from kept order by rowid')
      .all()
      .map(({ name }) => name)
  }

  failOnce(statement: string, errcode: number): void {
    this.failures.set(statement, sqliteError(errcode))
  }

  #watch(): void {
    const db = this.#db
    const exec = db.exec.bind(db)
    db.exec = (text) => {
      this.statements.push(text)
      this.#fail(text)
      exec(text)
    }
  }

  #fail(step: string): void {
    const failure = this.failures.get(step)
    this.failures.delete(step)
    if (failure !== undefined) throw failure
  }

  #reopen(): DatabaseSync {
    this.reopens += 1
    if (this.gone) throw sqliteError(codes.ioError)
    this.#db = new DatabaseSync(':memory:')
    this.#db.exec('create table kept (name text unique) strict')
    this.#watch()
    return this.#db
  }
}

let disk: Disk

beforeEach(() => {
  disk = new Disk()
})

afterEach(() => {
  expect(disk.failures, 'each failure that a test set up has come about').toEqual(new Map())
})

/** `recorded`, or the reason of the refusal, of each write. */
async function outcomes(writes: Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(writes)
  return settled.map((each) => {
    if (each.status === 'fulfilled') return String(each.value)
    const { reason } = each as { reason: unknown }
    if (reason instanceof StoreUnavailable) return reason.unknown ? 'unknown' : 'unavailable'
    return 'refused'
  })
}

describe('a group', () => {
  test('is one transaction, answered in the order of its writes', async () => {
    expect(await outcomes(['a', 'b', 'c'].map((name) => disk.keep(name)))).toEqual([
      'kept a',
      'kept b',
      'kept c',
    ])
    expect(disk.statements).toEqual(['begin immediate', 'commit'])
  })

  test('is not answered before its commit', async () => {
    let answered = false
    const write = disk.keep('a').then(() => (answered = true))
    const seen = disk.commits.write(() => answered)
    await write
    expect(await seen).toBe(false)
    expect(disk.statements).toEqual(['begin immediate', 'commit'])
  })

  test('with a bad row is repeated one by one, and the row fails only its own caller', async () => {
    const writes = ['a', Symbol('no text'), 'b', 'a', 'c'].map((name) => disk.keep(name))
    expect(await outcomes(writes)).toEqual(['kept a', 'refused', 'kept b', 'refused', 'kept c'])
    expect(disk.kept()).toEqual(['a', 'b', 'c'])
  })

  test('passes on a refusal by the rules unchanged', async () => {
    const refusal = new TypeUnknown('x', [])
    const write = disk.commits.write(() => {
      throw refusal
    })
    await expect(write).rejects.toBe(refusal)
  })

  test('passes on thrown values that are not errors', async () => {
    const write = disk.commits.write(() => {
      // oxlint-disable-next-line no-throw-literal
      throw 'a word'
    })
    await expect(write).rejects.toThrow('a word')
  })

  test('drops a bad row from the ledger', async () => {
    await outcomes([disk.keep('a'), disk.keep(Symbol('no text'))])
    expect(disk.reloads).toBe(2)
  })

  test('whose ledger cannot be written is repeated one by one', async () => {
    disk.failOnce('flush', codes.constraint)
    expect(await outcomes([disk.keep('a'), disk.keep('b')])).toEqual(['kept a', 'kept b'])
  })
})

describe('a medium that fails', () => {
  test('before the commit has recorded nothing, and all waiting calls are told so', async () => {
    disk.failOnce('keep b', codes.ioError)
    const answers = await outcomes(['a', 'b', 'c'].map((name) => disk.keep(name)))
    expect(answers).toEqual(['unavailable', 'unavailable', 'unavailable'])
    expect(disk.kept()).toEqual([])
    expect(await disk.keep('d')).toBe('kept d')
  })

  test('at the start refuses all waiting calls immediately', async () => {
    disk.failOnce('begin immediate', codes.busy)
    expect(await outcomes([disk.keep('a'), disk.keep('b')])).toEqual(['unavailable', 'unavailable'])
    expect(disk.statements).toEqual(['begin immediate'])
  })

  test('among rows repeated one by one refuses them all', async () => {
    disk.failOnce('savepoint one', codes.ioError)
    const answers = await outcomes([disk.keep('a'), disk.keep(Symbol('no text'))])
    expect(answers).toEqual(['unavailable', 'unavailable'])
    expect(disk.kept()).toEqual([])
  })

  test('that is full at the commit has recorded nothing', async () => {
    disk.failOnce('commit', codes.full)
    const write = disk.keep('a')
    await expect(write).rejects.toMatchObject({ unknown: false, message: /disk is full/ })
    expect(disk.reopens).toBe(0)
    expect(await disk.keep('b')).toBe('kept b')
    expect(disk.kept()).toEqual(['b'])
  })

  test('at the commit leaves the outcome unknown, and the connection is reopened', async () => {
    disk.failOnce('commit', codes.ioError)
    expect(await outcomes([disk.keep('a'), disk.keep('b')])).toEqual(['unknown', 'unknown'])
    expect(disk.reopens).toBe(1)
    expect(await disk.keep('c')).toBe('kept c')
  })

  test('permanently still answers every caller, and recovers when it is back', async () => {
    disk.failOnce('commit', codes.ioError)
    disk.gone = true
    expect(await outcomes([disk.keep('a')])).toEqual(['unknown'])
    expect(await outcomes([disk.keep('b'), disk.keep('c')])).toEqual(['unavailable', 'unavailable'])
    disk.gone = false
    expect(await disk.keep('d')).toBe('kept d')
  })

  test('at the rollback causes the connection to be reopened', async () => {
    disk.failOnce('keep a', codes.full)
    disk.failOnce('rollback', codes.ioError)
    expect(await outcomes([disk.keep('a')])).toEqual(['unavailable'])
    expect(disk.reopens).toBe(1)
    expect(await disk.keep('b')).toBe('kept b')
  })
})

describe('close', () => {
  test('commits what is waiting and accepts nothing more', async () => {
    const write = disk.keep('a')
    disk.commits.close()
    expect(disk.kept()).toEqual(['a'])
    expect(await write).toBe('kept a')
    await expect(disk.keep('b')).rejects.toThrow('The store is closed.')
  })

  test('of a failed medium answers what is waiting', async () => {
    disk.failOnce('begin immediate', codes.ioError)
    const write = disk.keep('a')
    disk.commits.close()
    await expect(write).rejects.toThrow(StoreUnavailable)
  })
})

describe('damage', () => {
  test('that a read finds refuses all writes for as long as that read finds it', async () => {
    let fails = true
    const read = () => {
      if (fails) throw sqliteError(codes.corrupt)
    }
    disk.commits.mistrust(sqliteError(codes.corrupt), read)
    expect(await outcomes([disk.keep('a')])).toEqual(['unavailable'])
    expect(await outcomes([disk.keep('b')])).toEqual(['unavailable'])
    fails = false
    await until('it accepts writes', async () => (await outcomes([disk.keep('c')]))[0] === 'kept c')
    expect(disk.kept()).toEqual(['c'])
  })

  test('that a write finds is gone once the same write could be made, and that is not recorded', async () => {
    disk.failOnce('keep b', codes.corrupt)
    expect(await outcomes([disk.keep('a'), disk.keep('b')])).toEqual(['unavailable', 'unavailable'])
    expect(disk.kept()).toEqual([])
    disk.failOnce('flush', codes.corrupt)
    expect(await outcomes([disk.keep('c')])).toEqual(['unavailable'])
    await until('it accepts writes', async () => (await outcomes([disk.keep('d')]))[0] === 'kept d')
    expect(disk.kept()).toEqual(['d'])
  })
})
