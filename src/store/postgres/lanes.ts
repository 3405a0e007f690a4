import { StoreUnavailable } from '../../core/errors.ts'
import { Connection, type Session } from './connection.ts'
import { failureOf, unavailable } from './failures.ts'

/** Milliseconds without a response after which other reads use another connection. */
const stuckAfter = 250
/** Maximum connections for reads. Nearly always, there is one. */
const most = 4
/** Milliseconds without work after which all but the first are closed. */
const restsFor = 30_000
/** Milliseconds after which a connection that does not answer a read counts as lost. */
const answerWithin = 8_000

type Outstanding = Readonly<{ kind: string; since: number; reject: (error: unknown) => void }>
type Lane = {
  readonly connection: Connection
  readonly outstanding: Set<Outstanding>
  closing?: NodeJS.Timeout
}

/**
 * Connections for reads. A read that waits for a locked table blocks others of its kind, which would wait for the same lock,
 * and gives up together with them; reads of other kinds use another connection.
 */
export class Lanes {
  readonly #open: () => Connection
  #lanes: Lane[] = []
  #closed = false

  /** `name`: as shown to administrators. */
  constructor(servers: readonly string[], name: string) {
    this.#open = () => new Connection(servers, name, { answerWithin })
  }

  /**
   * Retried once if the connection turns out to be lost. Throws `StoreUnavailable` if the database cannot respond: after
   * some seconds if a table is locked.
   */
  async read<T>(kind: string, look: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreUnavailable('The store is closed.', { unknown: false })
    try {
      return await this.#read(kind, look)
    } catch (error) {
      const failure = failureOf(error)
      if (failure === 'bug') throw error
      if (failure !== 'lost' || this.#closed) throw unavailable(error, false)
    }
    try {
      return await this.#read(kind, look)
    } catch (error) {
      throw failureOf(error) === 'bug' ? error : unavailable(error, false)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { closing } of this.#lanes) clearTimeout(closing)
    await Promise.all(this.#lanes.map(({ connection }) => connection.close()))
  }

  #read<T>(kind: string, look: (session: Session) => Promise<T>): Promise<T> {
    const lane = this.#lane(kind)
    clearTimeout(lane.closing)
    return new Promise<T>((resolve, reject) => {
      const outstanding: Outstanding = { kind, since: performance.now(), reject }
      lane.outstanding.add(outstanding)
      this.#look(lane, look)
        .then(resolve, (error: unknown) => {
          reject(error)
          if (failureOf(error) === 'away') this.#giveUp(lane, kind, error)
        })
        .finally(() => {
          lane.outstanding.delete(outstanding)
          this.#rest(lane)
        })
    })
  }

  async #look<T>({ connection }: Lane, look: (session: Session) => Promise<T>): Promise<T> {
    const session = await connection.session()
    return look({ ...session, query: session.alone })
  }

  /** Reads behind one that could not be answered would each wait as long. */
  #giveUp({ connection, outstanding }: Lane, kind: string, error: unknown): void {
    for (const other of outstanding) if (other.kind === kind) other.reject(error)
    // Those of other kinds find their connection lost, and are retried on another one.
    if (outstanding.size > 1) connection.drop()
  }

  #lane(kind: string): Lane {
    const now = performance.now()
    const isStuck = ({ since }: Outstanding) => now - since > stuckAfter
    const busy = (lane: Lane) => [...lane.outstanding].some(isStuck)
    const same = this.#lanes.find((lane) =>
      [...lane.outstanding].some((one) => one.kind === kind && isStuck(one)),
    )
    const found = same ?? this.#lanes.find((lane) => !busy(lane))
    if (found !== undefined) return found
    if (this.#lanes.length >= most)
      return this.#lanes.reduce((a, b) => (b.outstanding.size < a.outstanding.size ? b : a))
    const lane: Lane = { connection: this.#open(), outstanding: new Set() }
    this.#lanes.push(lane)
    return lane
  }

  /** All but the first one. */
  #rest(lane: Lane): void {
    if (lane.outstanding.size > 0 || lane === this.#lanes[0] || this.#closed) return
    clearTimeout(lane.closing)
    lane.closing = setTimeout(() => {
      this.#lanes = this.#lanes.filter((other) => other !== lane)
      void lane.connection.close()
    }, restsFor).unref()
  }
}
