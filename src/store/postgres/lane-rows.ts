import type { Admission } from '../../core/admission.ts'
import { bucketOf, limitOf, type Lane, type Limit } from '../../core/limits.ts'
import { isSuspect } from '../../core/task.ts'
import type { BucketFacts, FoundLane, Head, LaneRows, LaneWrites, ReadyLane, StoredLane } from '../lanes.ts'
import { lanesEntered, queueEntered, slotChanges, type QueuePlace } from '../slot-changes.ts'
import type { TypeLimit } from '../store.ts'
import type { NewRow, TaskRow } from '../task-row.ts'
import type { Rows } from './connection.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** Rows of turns that one claim deletes. */
const forgottenAtOnce = 20

/** The rows of lanes, buckets and turns, for the claim of a node that has locked them. Its places are those of rows. */
export class PostgresLanes implements LaneRows<string> {
  readonly #tx: Transaction
  readonly #node: string
  readonly #now: number
  readonly #limit: number
  readonly #firstNote: number
  /** The highest number of those notes that were read; null without any, or if some may be left. */
  lastNote: number | null = null

  /** `firstNote`: notes before it are not read. */
  constructor(
    tx: Transaction,
    {
      node,
      now,
      limit,
      firstNote = 0,
    }: Readonly<{ node: string; now: number; limit: number; firstNote?: number }>,
  ) {
    this.#tx = tx
    this.#node = node
    this.#now = now
    this.#limit = limit
    this.#firstNote = firstNote
  }

  async news(most: number): Promise<Readonly<{ lanes: readonly string[]; buckets: readonly string[] }>> {
    const { laneNotes, risingLanes, dueRates, dropPassedTurns } = this.#tx.source.sql
    const [notes, rising, due] = await Promise.all([
      this.#tx.ask(laneNotes, [most, this.#firstNote]),
      this.#tx.ask(risingLanes, [this.#now, most]),
      this.#tx.ask(dueRates, [this.#now, most]),
    ])
    this.#tx.write(dropPassedTurns, [forgottenAtOnce])
    if (notes.length < most)
      this.lastNote = notes.reduce<number | null>(
        (last, [number]) => Math.max(last ?? 0, Number(number)),
        null,
      )
    const texts = (values: Rows) => values.flatMap(([value]) => (value === null ? [] : [value as string]))
    return {
      lanes: [...texts(notes.map(([, lane]) => [lane!])), ...texts(rising)],
      buckets: [...texts(notes.map(([, , bucket]) => [bucket!])), ...texts(due)].map(decodeText),
    }
  }

  async find(ids: readonly string[]): Promise<readonly FoundLane[]> {
    const rows = await this.#tx.ask(this.#tx.source.sql.findLanes, [ids])
    return rows.map((row) => ({
      id: row[0] as string,
      stored: row[1] === null ? undefined : storedLane(row),
      first: row[7] === null ? undefined : firstOf(row.slice(7)),
    }))
  }

  async ready(
    types: readonly TypeLimit[],
    most: number,
    without: readonly string[],
  ): Promise<readonly ReadyLane[]> {
    const rows = await this.#tx.ask(this.#tx.source.sql.readyLanes, [
      types.map(({ type }) => encodeText(type)),
      types.map(({ concurrency }) => concurrency),
      this.#limit,
      most,
      without,
      encodeText(this.#node),
    ])
    return rows.map((row) => ({ stored: storedLane(row), places: row[7] as number }))
  }

  async heads(
    lanes: readonly Readonly<{ id: string; count: number }>[],
  ): Promise<ReadonlyMap<string, readonly Head<string>[]>> {
    if (lanes.length === 0) return new Map()
    const rows = await this.#tx.ask(this.#tx.source.sql.headsInLanes, [
      lanes.map(({ id }) => id),
      lanes.map(({ count }) => count),
      this.#now,
    ])
    const heads = rows.map(([id, place, position, queuedSince]) => ({
      id: id as string,
      place: place as string,
      position: position as number,
      queuedSince: queuedSince as number,
    }))
    return Map.groupBy(heads, ({ id }) => id)
  }

  async waiting(
    buckets: readonly Readonly<{ bucket: string; count: number }>[],
  ): Promise<readonly StoredLane[]> {
    const rows = await this.#tx.ask(this.#tx.source.sql.waitingLanes, [
      buckets.map(({ bucket }) => encodeText(bucket)),
      buckets.map(({ count }) => count),
    ])
    return rows.map(storedLane)
  }

  async buckets(names: readonly string[]): Promise<readonly BucketFacts[]> {
    const rows = await this.#tx.ask(this.#tx.source.sql.buckets, [
      names.map(encodeText),
      names.map((bucket) => limitOf(bucket).name),
      encodeText(this.#node),
    ])
    const known = new Map(rows.map((row) => [decodeText(row[0] as string), row]))
    return names.map((bucket): BucketFacts => {
      const [, concurrency, rate, per, scope, running, earliest] = known.get(bucket) ?? []
      return {
        bucket,
        concurrency: (concurrency ?? null) as number | null,
        rate: rate == null ? null : { limit: rate as number, per: per as number },
        scope: (scope ?? 'global') as BucketFacts['scope'],
        running: (running ?? 0) as number,
        earliest: (earliest ?? null) as number | null,
      }
    })
  }

  async turns(
    priorities: readonly number[],
    flows: readonly string[],
  ): Promise<Pick<LaneWrites, 'turns' | 'rounds'>> {
    const { turnsOf, roundsOf } = this.#tx.source.sql
    const [turns, rounds] = await Promise.all([
      this.#tx.ask(turnsOf, [priorities, flows.map(encodeText)]),
      this.#tx.ask(roundsOf, [priorities]),
    ])
    return {
      turns: turns.map(([priority, flow, turn]) => ({
        priority: priority as number,
        flow: decodeText(flow as string),
        turn: turn as number,
      })),
      rounds: rounds.map(([priority, turn]) => ({ priority: priority as number, turn: turn as number })),
    }
  }

  async wakesAt(): Promise<number | null> {
    const [row] = await this.#tx.ask(this.#tx.source.sql.wakesAt)
    return (row?.[0] ?? null) as number | null
  }

  write({ put, added, drop, rates, turns, rounds, notes }: LaneWrites): void {
    const tx = this.#tx
    const { sql } = tx.source
    if (drop.length > 0) {
      tx.write(sql.dropLanes, [drop.map(({ id }) => id)])
      writeLaneBuckets(tx, sql.dropLaneBuckets, drop)
    }
    if (put.length > 0) {
      const sorted = put.toSorted((a, b) => (a.id < b.id ? -1 : 1))
      tx.write(sql.putLanes, [
        sorted.map(({ id }) => id),
        sorted.map(({ lane }) => JSON.stringify(lane)),
        sorted.map(({ priority }) => priority),
        sorted.map(({ risesAt }) => risesAt),
        sorted.map(({ position }) => position),
        sorted.map(({ turn }) => turn),
        sorted.map(({ waitsFor }) => (waitsFor === null ? null : encodeText(waitsFor))),
        sorted.map(({ lane }) => encodeText(lane.type)),
        sorted.map(({ lane }) => lane.isSuspect),
        sorted.map(({ lane }) => lane.fairnessKey !== null),
      ])
      writeLaneBuckets(tx, sql.putLaneBuckets, added)
    }
    if (rates.length > 0)
      tx.write(sql.putRates, [
        rates.map(({ bucket }) => encodeText(bucket)),
        rates.map(({ node }) => encodeText(node)),
        rates.map(({ earliest }) => earliest ?? 0),
        rates.map(({ wakesAt }) => wakesAt),
      ])
    if (turns.length > 0)
      tx.write(sql.putTurns, [
        turns.map(({ priority }) => priority),
        turns.map(({ flow }) => encodeText(flow)),
        turns.map(({ turn }) => turn),
      ])
    if (rounds.length > 0)
      tx.write(sql.putRounds, [rounds.map(({ priority }) => priority), rounds.map(({ turn }) => turn)])
    if (notes.lanes.length > 0) tx.write(sql.noteLanes, [notes.lanes])
    if (notes.buckets.length > 0) tx.write(sql.noteBuckets, [notes.buckets.map(encodeText)])
  }
}

function writeLaneBuckets(tx: Transaction, text: string, lanes: readonly StoredLane[]): void {
  const rows = lanes.flatMap(({ id, lane }) => lane.limits.map((limit) => ({ bucket: bucketOf(limit), id })))
  if (rows.length === 0) return
  tx.write(text, [rows.map(({ bucket }) => encodeText(bucket)), rows.map(({ id }) => id)])
}

/** What the changes of rows do to lanes and slots. */
export function writeSlots(tx: Transaction, rows: readonly TaskRow[]): void {
  const changes = slotChanges(rows)
  if (changes === undefined) return
  const { sql } = tx.source
  const { lanes, entered, left, freed, fencedOff, taken } = changes
  writeQueue(tx, sql.enterQueues, entered)
  writeQueue(tx, sql.leaveQueues, left)
  if (lanes.length > 0) tx.write(sql.noteLanes, [lanes])
  if (freed.length > 0) tx.write(sql.freeSlots, [freed.map(encodeText), freed.map(() => 0)])
  if (fencedOff.length > 0)
    tx.write(sql.fenceSlots, [
      fencedOff.map(({ taskId }) => encodeText(taskId)),
      fencedOff.map(({ fence }) => fence),
    ])
  if (taken.length > 0)
    tx.write(sql.takeSlots, [
      taken.map(({ bucket }) => encodeText(bucket)),
      taken.map(({ taskId }) => encodeText(taskId)),
      taken.map(({ fence }) => fence),
      taken.map(({ node }) => encodeText(node)),
    ])
}

/** The lanes of new tasks, and the buckets for which they wait. */
export function noteLanes(tx: Transaction, rows: readonly NewRow[]): void {
  const { sql } = tx.source
  const tasks = rows.map(({ task }) => task)
  const lanes = lanesEntered(tasks)
  if (lanes.length > 0) tx.write(sql.noteLanes, [lanes])
  writeQueue(tx, sql.enterQueues, queueEntered(tasks))
}

function writeQueue(tx: Transaction, text: string, places: readonly QueuePlace[]): void {
  if (places.length === 0) return
  tx.write(text, queueColumns(places))
}

export function queueColumns(places: readonly QueuePlace[]) {
  return [places.map(({ bucket }) => encodeText(bucket)), places.map(({ taskId }) => encodeText(taskId))]
}

type Row = Rows[number]

function storedLane([id, lane, priority, risesAt, position, turn, waitsFor]: Row): StoredLane {
  return {
    id: id as string,
    lane: JSON.parse(lane as string) as Lane,
    priority: priority as number,
    risesAt: risesAt as number | null,
    position: position as number,
    turn: turn as number,
    waitsFor: waitsFor === null ? null : decodeText(waitsFor as string),
  }
}

function firstOf([type, priority, crashes, admission, position, queuedSince]: Row): FoundLane['first'] {
  const lane = {
    type: decodeText(type as string),
    priority: priority as number,
    isSuspect: isSuspect({ crashes: crashes as number }),
    ...(JSON.parse(admission as string) as Admission),
  }
  return { lane, position: position as number, queuedSince: queuedSince as number }
}

export function limitColumns(limits: readonly Limit[]) {
  return [
    limits.map(({ name }) => name),
    limits.map(({ concurrency }) => concurrency),
    limits.map(({ rate }) => rate?.limit ?? null),
    limits.map(({ rate }) => rate?.per ?? null),
    limits.map(({ scope }) => scope),
    limits.map(({ origin }) => origin),
    limits.map(({ maxQueued }) => maxQueued ?? null),
  ]
}

export function limitFrom([name, concurrency, rate, per, scope, origin, maxQueued]: Row): Limit {
  return {
    name: name as string,
    concurrency: concurrency as number | null,
    rate: rate === null ? null : { limit: rate as number, per: per as number },
    scope: scope as Limit['scope'],
    origin: origin as string,
    ...(maxQueued === null ? {} : { maxQueued: maxQueued as number }),
  }
}
