import {
  afterStart,
  bucketOf,
  nextStart,
  priorityNow,
  startsNow,
  turnLength,
  type Lane,
  type LimitScope,
  type StartRate,
} from '../core/limits.ts'
import { answersTo, answerTo, type Answer, type Reading } from './reading.ts'
import type { TypeLimit } from './store.ts'

/**
 * Which queued tasks a claim may take while limits, fairness or aging decide, for all SQL stores (ADR 35).
 *
 * Queued tasks wait in *lanes*. A lane is a row; it is *ready*, or it waits for one full bucket, and claims read ready lanes only. All
 * lanes, turns and rates are changed by claims alone, one claim at a time. Everybody else adds notes in the transaction of a change, and
 * the next claim reads them: a lane has gained or lost tasks, a bucket has gained room. So a note is either seen by the claim that
 * blocks a lane, or by the next one.
 *
 * Invariant, once a claim has read its notes: of each bucket with room for n starts, n lanes of each kind are ready, or all of them.
 */

export type StoredLane = Readonly<{
  id: string
  lane: Lane
  /** With what waiting has added. */
  priority: number
  risesAt: number | null
  /** Of its first task. */
  position: number
  /** When its fairness key has its turn for its first task; 0 without a key, and until it is given one. */
  turn: number
  /** The full bucket. */
  waitsFor: string | null
}>

/** A queued task. `Place`: where the store finds it again. */
export type Head<Place> = Readonly<{ place: Place; position: number; queuedSince: number }>

export type FoundLane = Readonly<{
  id: string
  stored: StoredLane | undefined
  /** Its first task, and its lane. */
  first: (Omit<Head<never>, 'place'> & Readonly<{ lane: Lane }>) | undefined
}>

/** `places`: how many tasks of its type may be claimed now. */
export type ReadyLane = Readonly<{ stored: StoredLane; places: number }>

export type BucketFacts = Readonly<{
  bucket: string
  concurrency: number | null
  rate: StartRate | null
  scope: LimitScope
  /** On this node, for a limit of each node. */
  running: number
  /** See `startsNow`. */
  earliest: number | null
}>

export type LaneWrites = Readonly<{
  put: readonly StoredLane[]
  /** Those of `put` that are not stored yet, whose buckets never change. */
  added: readonly StoredLane[]
  drop: readonly StoredLane[]
  rates: readonly Readonly<{
    bucket: string
    node: string
    earliest: number | null
    wakesAt: number | null
  }>[]
  turns: readonly Readonly<{ priority: number; flow: string; turn: number }>[]
  rounds: readonly Readonly<{ priority: number; turn: number }>[]
  /** The next claim looks at these. */
  notes: Readonly<{ lanes: readonly string[]; buckets: readonly string[] }>
}>

/** What the rules read and write of a store, within the transaction of one claim. */
export interface LaneRows<Place> {
  /** Notes, which are deleted: lanes that have changed or whose priority rises now, and buckets that have room or are due. */
  news(most: number): Answer<Readonly<{ lanes: readonly string[]; buckets: readonly string[] }>>
  find(ids: readonly string[]): Answer<readonly FoundLane[]>
  /** Per type and kind, in order, at most `most`, without these. */
  ready(types: readonly TypeLimit[], most: number, without: readonly string[]): Answer<readonly ReadyLane[]>
  /** The first tasks of these lanes, at most `count` of each, in the order of the queue. */
  heads(
    lanes: readonly Readonly<{ id: string; count: number }>[],
  ): Answer<ReadonlyMap<string, readonly Head<Place>[]>>
  /** Lanes that wait for these buckets, in order: at most `count` of each type and kind. */
  waiting(buckets: readonly Readonly<{ bucket: string; count: number }>[]): Answer<readonly StoredLane[]>
  buckets(names: readonly string[]): Answer<readonly BucketFacts[]>
  turns(priorities: readonly number[], flows: readonly string[]): Answer<Pick<LaneWrites, 'turns' | 'rounds'>>
  write(writes: LaneWrites): void
}

/** A task of the plain queue that the claim could take. */
export type PlainHead = Readonly<{ type: string; priority: number; position: number; isSuspect: boolean }>

export type LaneRequest = Readonly<{
  node: string
  now: number
  limit: number
  types: readonly TypeLimit[]
  /** In the order of the queue; at most one is a suspect. */
  plain: readonly PlainHead[]
  /** Of this node, from claim to claim. */
  round: Round
}>

/**
 * Lanes that the claims of a node have looked at in vain since one of them had to stop before it had seen all. The next claim continues
 * behind them: otherwise they would hide what is behind them for as long as they cannot start.
 */
export class Round {
  readonly passed = new Set<string>()
  /** One of them may have changed since. */
  isStale = false
}

/** `plain`: its index. */
export type Choice<Place> = Readonly<{ plain: number }> | Readonly<{ place: Place }>

/** In the order in which they start. */
export type Picked<Place> = Readonly<{
  picks: readonly Choice<Place>[]
  /**
   * When it makes sense to claim again without any other cause. `stored`: when the first rate that holds a lane back allows the
   * next start, with what this claim has written.
   */
  wakesAt(stored: number | null): number | null
}>

/** Notes that one claim reads. */
const newsAtOnce = 5_000
/** Lanes of a type and kind that are read at once. */
const readyAtOnce = 200
/** Lanes that one claim puts back for one bucket. */
const backAtOnce = 500
/** Lanes at which one claim looks; the next one continues. */
const mostSeen = 2_000

export function* pickTasks<Place>(rows: LaneRows<Place>, request: LaneRequest): Reading<Picked<Place>> {
  const { round, now } = request
  const book = new Book(rows, request)
  const { lanes, buckets } = yield* answerTo(rows.news(newsAtOnce))
  round.isStale ||= round.passed.size > 0 && lanes.length + buckets.length > 0
  yield* book.examine(lanes, buckets)
  yield* book.putBack(buckets)
  const claim = new Claim(book, request)
  for (let isMore = true; isMore && !claim.isDone;) {
    isMore = yield* claim.look(rows)
    const isBack = yield* book.putBack([])
    isMore ||= isBack
    if (claim.seen > mostSeen) break
  }
  claim.fill()
  const isCut = claim.seen > mostSeen
  const hasMore = lanes.length >= newsAtOnce || buckets.length >= newsAtOnce
  const own = [claim.wakesAt, isCut || hasMore || round.isStale ? now : null]
  if (!isCut) {
    round.passed.clear()
    round.isStale = false
  }
  book.finish()
  return {
    picks: claim.picks,
    wakesAt(stored) {
      const times = [stored, ...own].filter((at) => at !== null)
      return times.length === 0 ? null : Math.min(...times)
    },
  }
}

/** A lane with the tasks that were read of it. */
type Candidate<Place> = { stored: StoredLane; heads: Head<Place>[] }

/** `lane` is undefined for the end of what was read: beyond it, there may be others. */
type Standing<Place> = Readonly<{
  priority: number
  turn: number
  position: number
  candidate: Candidate<Place> | undefined
}>

/** What one claim takes. */
class Claim<Place> {
  readonly picks: Choice<Place>[] = []
  seen = 0
  /** For limits of each node. */
  wakesAt: number | null = null
  readonly #book: Book<Place>
  readonly #request: LaneRequest
  readonly #room = new Map<string, number>()
  /** Lanes that cannot start here now, although they are ready. */
  readonly #without: Set<string>
  /** Taken from lanes, in which they are until the claim is written: how many of each, and where. */
  readonly #served = new Map<string, number>()
  readonly #places = new Set<Place>()
  #plain = 0
  #suspects = 0
  /** Without and with a fairness key, each in order. */
  #keyless: Standing<Place>[] = []
  #keyed: Standing<Place>[] = []

  constructor(book: Book<Place>, request: LaneRequest) {
    this.#book = book
    this.#request = request
    this.#without = request.round.passed
  }

  get isDone(): boolean {
    return this.picks.length >= this.#request.limit
  }

  /** Takes from the lanes that are ready. True if there may be more of them. */
  *look(rows: LaneRows<Place>): Reading<boolean> {
    const left = this.#request.limit - this.picks.length
    // More than tasks are wanted only if lanes that were read before could not start.
    const most = Math.min(left + this.seen, readyAtOnce)
    const types = this.#request.types.filter(({ type }) => this.#roomOf(type) > 0)
    this.#book.flush()
    const ready = yield* answerTo(rows.ready(types, most, [...this.#without]))
    this.seen += ready.length
    for (const { stored, places } of ready) {
      const { type } = stored.lane
      if (!this.#room.has(type)) this.#room.set(type, places - this.#taken(type))
    }
    const lanes = ready.map(({ stored }) => stored)
    yield* this.#book.learnBuckets(lanes)
    const share = ready.length <= 8 ? left : Math.ceil((2 * left) / ready.length)
    // One more than can start: the task at which the lane stands afterwards.
    const counts = new Map(
      lanes.map((stored) => [
        stored.id,
        this.#book.startsOf(stored, share) + 1 + (this.#served.get(stored.id) ?? 0),
      ]),
    )
    const heads = yield* answerTo(rows.heads([...counts].map(([id, count]) => ({ id, count }))))
    const candidates = lanes.map((stored) => ({
      stored,
      heads: (heads.get(stored.id) ?? []).filter(({ place }) => !this.#places.has(place)),
    }))
    yield* this.#book.learnTurns(candidates)
    this.#keyless = this.#inOrder(candidates, most, false)
    this.#keyed = this.#inOrder(candidates, most, true)
    const isMore = this.#take()
    for (const { stored, heads: left } of candidates) {
      if (left.length > 0) continue
      // It is empty, or has more than was read, or others have locked what it has.
      this.#without.add(stored.id)
      this.#book.noteLane(stored.id)
      const isCut = (heads.get(stored.id)?.length ?? 0) >= counts.get(stored.id)!
      if (isCut && !this.isDone) this.wakesAt = this.#request.now
    }
    return isMore
  }

  /** What is left of the plain queue. */
  fill(): void {
    for (let head = this.#nextPlain(); head !== undefined && !this.isDone; head = this.#nextPlain()) {
      this.#takePlain(head)
    }
  }

  /** True at the end of what was read. */
  #take(): boolean {
    while (!this.isDone) {
      const keyed = this.#first(this.#keyed)
      const keyless = this.#first(this.#keyless)
      const plain = this.#nextPlain()
      const free = [keyless, plain].filter((one) => one !== undefined).sort(inQueue)[0]
      if (free === undefined && keyed === undefined) return false
      if (free === undefined || (keyed !== undefined && this.#book.isBefore(keyed, free))) {
        if (keyed!.candidate === undefined) return true
        this.#keyed.shift()
        this.#takeKeyed(keyed!.candidate)
        continue
      }
      if (free === keyless && keyless.candidate === undefined) return true
      if (keyed?.priority === free.priority) this.#book.passTurn(free.priority)
      if (free === plain) this.#takePlain(free)
      else {
        this.#keyless.shift()
        this.#serve(keyless!.candidate!)
        this.#insert(this.#keyless, keyless!.candidate!)
      }
    }
    return false
  }

  #takeKeyed(candidate: Candidate<Place>): void {
    this.#book.startTurn(candidate.stored)
    this.#serve(candidate)
    candidate.stored = this.#book.nextTurn(candidate.stored, candidate.heads.length > 0)
    this.#insert(this.#keyed, candidate)
  }

  #takePlain(head: PlainHead): void {
    this.picks.push({ plain: this.#plain })
    this.#plain += 1
    this.#count(head.type, head.isSuspect)
  }

  #serve(candidate: Candidate<Place>): void {
    const { stored, heads } = candidate
    const { type, isSuspect } = stored.lane
    const { place } = heads.shift()!
    this.picks.push({ place })
    this.#places.add(place)
    this.#served.set(stored.id, (this.#served.get(stored.id) ?? 0) + 1)
    this.#count(type, isSuspect)
    this.#book.start(stored)
    const [next] = heads
    if (next !== undefined) candidate.stored = this.#book.moveTo(stored, next)
  }

  #count(type: string, isSuspect: boolean): void {
    this.#startedByType.set(type, this.#taken(type) + 1)
    const room = this.#room.get(type)
    if (room !== undefined) this.#room.set(type, room - 1)
    if (isSuspect) this.#suspects += 1
  }

  readonly #startedByType = new Map<string, number>()

  #taken(type: string): number {
    return this.#startedByType.get(type) ?? 0
  }

  /** Room for the plain tasks of a type without lanes was counted when they were read. */
  #roomOf(type: string): number {
    return this.#room.get(type) ?? Number.POSITIVE_INFINITY
  }

  #nextPlain(): PlainHead | undefined {
    const { plain } = this.#request
    for (; this.#plain < plain.length; this.#plain++) {
      const head = plain[this.#plain]!
      if (this.#roomOf(head.type) > 0 && !(head.isSuspect && this.#suspects > 0)) return head
    }
    return undefined
  }

  /** The first one that can start. */
  #first(places: Standing<Place>[]): Standing<Place> | undefined {
    for (let place = places[0]; place !== undefined; place = places[0]) {
      const { candidate } = place
      if (candidate === undefined || this.#canStart(candidate)) return place
      places.shift()
    }
    return undefined
  }

  #canStart({ stored, heads }: Candidate<Place>): boolean {
    if (heads.length === 0) return false
    const { type, isSuspect } = stored.lane
    const bucket = this.#book.fullBucket(stored)
    const mayStart = this.#roomOf(type) > 0 && !(isSuspect && this.#suspects > 0)
    if (bucket === undefined && mayStart) return true
    if (bucket === undefined || bucket.scope === 'node') {
      this.#without.add(stored.id)
      if (bucket === undefined) return false
      this.#book.passOver(stored, bucket)
      const at = this.#book.opensAt(bucket)
      if (at !== null) this.wakesAt = Math.min(at, this.wakesAt ?? at)
    } else {
      this.#book.block(stored, bucket)
    }
    return false
  }

  #inOrder(candidates: readonly Candidate<Place>[], most: number, isKeyed: boolean): Standing<Place>[] {
    const own = candidates.filter(({ stored }) => (stored.lane.fairnessKey !== null) === isKeyed)
    const kinds = Map.groupBy(own, ({ stored: { lane } }) => `${lane.isSuspect} ${lane.type}`)
    const ends = [...kinds.values()].flatMap((kind) => {
      const last = kind.at(-1)!
      return kind.length < most ? [] : [placeOf<Place>(last.stored, undefined)]
    })
    const places = own.map((candidate) => placeOf(startOf(candidate), candidate))
    return [...places, ...ends].sort(inTurn)
  }

  #insert(places: Standing<Place>[], candidate: Candidate<Place>): void {
    if (candidate.heads.length === 0) return
    const place = placeOf(candidate.stored, candidate)
    let [low, high] = [0, places.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (inTurn(places[middle]!, place) <= 0) low = middle + 1
      else high = middle
    }
    places.splice(low, 0, place)
  }
}

/** The first task that was read may not be the one at which the lane stood. */
function startOf<Place>({ stored, heads }: Candidate<Place>): StoredLane {
  return { ...stored, position: heads[0]?.position ?? stored.position }
}

function placeOf<Place>(
  { priority, turn, position }: StoredLane,
  candidate: Candidate<Place> | undefined,
): Standing<Place> {
  return { priority, turn, position, candidate }
}

function inQueue(
  a: Readonly<{ priority: number; position: number }>,
  b: Readonly<{ priority: number; position: number }>,
): number {
  return b.priority - a.priority || a.position - b.position
}

function inTurn<Place>(a: Standing<Place>, b: Standing<Place>): number {
  return (
    b.priority - a.priority ||
    a.turn - b.turn ||
    a.position - b.position ||
    Number(a.candidate === undefined) - Number(b.candidate === undefined)
  )
}

/** The flow of tasks without a fairness key, which is a flow like those of keys. */
const keyless = ''

/** Turns start above 0, which is none. */
const firstRound = 1

/** What a claim knows of lanes, buckets and turns, and what it changes. */
class Book<Place> {
  readonly #rows: LaneRows<Place>
  readonly #request: LaneRequest
  readonly #facts = new Map<string, BucketFacts>()
  readonly #turns = new Map<string, number>()
  readonly #rounds = new Map<number, number>()
  /** Buckets that may have room although lanes wait for them. */
  #touched = new Set<string>()
  #put = new Map<string, StoredLane>()
  /** Lanes that are not stored yet. */
  #new = new Set<string>()
  #drop = new Map<string, StoredLane>()
  readonly #rates = new Map<string, LaneWrites['rates'][number]>()
  readonly #dirtyTurns = new Set<string>()
  readonly #dirtyRounds = new Set<number>()
  readonly #laneNotes = new Set<string>()
  readonly #bucketNotes = new Set<string>()

  constructor(rows: LaneRows<Place>, request: LaneRequest) {
    this.#rows = rows
    this.#request = request
  }

  /** Brings lanes up to date with their queue. `buckets`: will be asked about next. */
  *examine(ids: readonly string[], buckets: readonly string[]): Reading<void> {
    if (ids.length === 0) return
    const unknown = [...new Set(buckets)]
    const [found, facts] = yield* answersTo(
      this.#rows.find([...new Set(ids)]),
      unknown.length === 0 ? [] : this.#rows.buckets(unknown),
    )
    for (const one of facts) this.#facts.set(one.bucket, one)
    const filled = found
      .flatMap(({ id, stored, first }) => (first === undefined ? [] : [{ id, stored, first }]))
      .map((one) => ({ ...one, raised: this.#priority(one.first.lane, one.first) }))
      .sort((a, b) => a.first.position - b.first.position)
    yield* this.#learnTurns(filled.map(({ first: { lane }, raised: { priority } }) => ({ lane, priority })))
    for (const { stored, first } of found)
      if (first === undefined && stored !== undefined) this.#remove(stored)
    for (const { id, stored, first, raised } of filled) {
      const { lane, position } = first
      const turn = stored?.priority === raised.priority ? stored.turn : 0
      const next = { id, lane, ...raised, position, turn, waitsFor: stored?.waitsFor ?? null }
      if (stored === undefined) this.#new.add(id)
      this.#keep(next)
      if (turn === 0) this.nextTurn(next, true)
    }
  }

  /** Makes lanes ready that wait for these buckets, as many as can start now. True if there are any. */
  *putBack(buckets: readonly string[]): Reading<boolean> {
    const touched = [...new Set([...this.#touched, ...buckets])]
    this.#touched = new Set()
    if (touched.length === 0) return false
    yield* this.#learnBuckets(touched)
    const open: { bucket: string; count: number }[] = []
    for (const bucket of touched) {
      const facts = this.#facts.get(bucket)!
      const count =
        facts.scope === 'node' ? backAtOnce : Math.min(backAtOnce, roomIn(facts, this.#request.now))
      if (count > 0) open.push({ bucket, count })
      else this.#wake(facts)
    }
    if (open.length === 0) return false
    this.flush()
    const lanes = yield* answerTo(this.#rows.waiting(open))
    for (const lane of lanes) this.#keep({ ...lane, waitsFor: null })
    for (const { bucket, count } of open) {
      const back = lanes.filter(({ waitsFor }) => waitsFor === bucket).length
      if (count === backAtOnce && back >= backAtOnce) this.#bucketNotes.add(bucket)
    }
    return lanes.length > 0
  }

  *learnBuckets(lanes: readonly StoredLane[]): Reading<void> {
    yield* this.#learnBuckets(lanes.flatMap(({ lane }) => lane.limits.map(bucketOf)))
  }

  *learnTurns(candidates: readonly Candidate<Place>[]): Reading<void> {
    yield* this.#learnTurns(
      candidates.flatMap(({ stored, heads }) => [
        stored,
        // Younger tasks have waited less.
        ...(stored.lane.aging === null
          ? []
          : heads.map((head) => ({ lane: stored.lane, ...this.#priority(stored.lane, head) }))),
      ]),
    )
  }

  /** How many tasks of the lane its buckets let start now, at most `most`. */
  startsOf({ lane }: StoredLane, most: number): number {
    return Math.min(
      most,
      ...lane.limits.map((limit) => roomIn(this.#facts.get(bucketOf(limit))!, this.#request.now)),
    )
  }

  /** The first full bucket that holds the lane back: one of all nodes if there is one. */
  fullBucket({ lane }: StoredLane): BucketFacts | undefined {
    let found: BucketFacts | undefined
    for (const limit of lane.limits) {
      const facts = this.#facts.get(bucketOf(limit))!
      if (roomIn(facts, this.#request.now) > 0) continue
      if (facts.scope === 'global') return facts
      found ??= facts
    }
    return found
  }

  /** When its rate allows the next start; null if only the end of a task makes room. */
  opensAt({ concurrency, running, rate, earliest }: BucketFacts): number | null {
    if (rate === null || (concurrency !== null && running >= concurrency)) return null
    return nextStart(rate, earliest, this.#request.now)
  }

  block(stored: StoredLane, { bucket }: BucketFacts): void {
    this.#keep({ ...stored, waitsFor: bucket })
    const facts = this.#facts.get(bucket)!
    this.#wake(facts)
    this.passOver(stored, facts)
  }

  /** This bucket holds the lane back: those that wait for its other buckets may start in its place. */
  passOver({ lane }: StoredLane, { bucket }: BucketFacts): void {
    for (const limit of lane.limits) if (bucketOf(limit) !== bucket) this.#touched.add(bucketOf(limit))
  }

  /** A task of the lane starts. */
  start({ lane }: StoredLane): void {
    for (const limit of lane.limits) {
      const facts = this.#facts.get(bucketOf(limit))!
      const { bucket, rate, running } = facts
      const earliest = rate === null ? facts.earliest : afterStart(rate, facts.earliest, this.#request.now)
      this.#facts.set(bucket, { ...facts, running: running + 1, earliest })
      if (rate !== null) this.#rate(facts, { earliest })
    }
  }

  /** The lane continues with this task. */
  moveTo(stored: StoredLane, head: Head<Place>): StoredLane {
    const next = { ...stored, ...this.#priority(stored.lane, head), position: head.position }
    this.#keep(next)
    return next
  }

  isBefore(keyed: Standing<Place>, free: Readonly<{ priority: number; position: number }>): boolean {
    if (keyed.priority !== free.priority) return keyed.priority > free.priority
    const turn = this.#keylessTurn(free.priority)
    return keyed.turn < turn || (keyed.turn === turn && keyed.position < free.position)
  }

  /** A task without a key starts while one with a key could. */
  passTurn(priority: number): void {
    const turn = this.#keylessTurn(priority)
    this.#advance(priority, turn)
    this.#setTurn(priority, keyless, turn + turnLength(1))
  }

  startTurn({ priority, turn }: StoredLane): void {
    this.#advance(priority, turn)
  }

  /** Gives the first task of the lane the next turn of its key; none if it is not known yet. */
  nextTurn(stored: StoredLane, isKnown: boolean): StoredLane {
    const { lane, priority } = stored
    if (lane.fairnessKey === null) return stored
    const turn = isKnown
      ? Math.max(this.#round(priority), this.#turns.get(flowOf(priority, lane.fairnessKey)) ?? 0)
      : 0
    if (isKnown) this.#setTurn(priority, lane.fairnessKey, turn + turnLength(lane.weight))
    const next = { ...stored, turn }
    this.#keep(next)
    return next
  }

  noteLane(id: string): void {
    this.#laneNotes.add(id)
  }

  flush(): void {
    const lanes = this.#lanes()
    if (lanes.put.length + lanes.drop.length === 0) return
    this.#rows.write({ ...nothing, ...lanes })
    this.#put = new Map()
    this.#drop = new Map()
    this.#new = new Set()
  }

  finish(): void {
    for (const bucket of this.#touched) this.#bucketNotes.add(bucket)
    this.#rows.write({
      ...this.#lanes(),
      rates: [...this.#rates.values()],
      turns: [...this.#dirtyTurns].map((name) => {
        const { priority, flow } = JSON.parse(name) as { priority: number; flow: string }
        return { priority, flow, turn: this.#turns.get(name)! }
      }),
      rounds: [...this.#dirtyRounds].map((priority) => ({ priority, turn: this.#rounds.get(priority)! })),
      notes: { lanes: [...this.#laneNotes], buckets: [...this.#bucketNotes] },
    })
  }

  #lanes(): Pick<LaneWrites, 'put' | 'added' | 'drop'> {
    const put = [...this.#put.values()]
    return { put, added: put.filter(({ id }) => this.#new.has(id)), drop: [...this.#drop.values()] }
  }

  #keep(stored: StoredLane): void {
    this.#put.set(stored.id, stored)
  }

  #remove(stored: StoredLane): void {
    this.#put.delete(stored.id)
    this.#new.add(stored.id)
    this.#drop.set(stored.id, stored)
    if (stored.waitsFor === null) for (const limit of stored.lane.limits) this.#touched.add(bucketOf(limit))
  }

  #priority(lane: Lane, { queuedSince }: Pick<Head<Place>, 'queuedSince'>) {
    return priorityNow(lane, queuedSince, this.#request.now)
  }

  /** Lanes wait for a rate: a claim looks at it when it allows the next start. */
  #wake(facts: BucketFacts): void {
    const at = facts.scope === 'global' ? this.opensAt(facts) : null
    if (at !== null) this.#rate(facts, { wakesAt: at })
  }

  #rate(facts: BucketFacts, change: Partial<LaneWrites['rates'][number]>): void {
    const { bucket, earliest, scope } = facts
    const node = scope === 'node' ? this.#request.node : ''
    this.#rates.set(bucket, { bucket, node, earliest, wakesAt: null, ...this.#rates.get(bucket), ...change })
  }

  *#learnBuckets(names: readonly string[]): Reading<void> {
    const unknown = [...new Set(names)].filter((name) => !this.#facts.has(name))
    if (unknown.length === 0) return
    for (const facts of yield* answerTo(this.#rows.buckets(unknown))) this.#facts.set(facts.bucket, facts)
  }

  *#learnTurns(lanes: readonly Pick<StoredLane, 'lane' | 'priority'>[]): Reading<void> {
    const keyed = lanes.filter(({ lane }) => lane.fairnessKey !== null)
    const unknown = keyed.filter(
      ({ lane, priority }) =>
        !this.#rounds.has(priority) || !this.#turns.has(flowOf(priority, lane.fairnessKey!)),
    )
    if (unknown.length === 0) return
    const priorities = [...new Set(unknown.map(({ priority }) => priority))]
    const flows = [...new Set([keyless, ...unknown.map(({ lane }) => lane.fairnessKey!)])]
    const { turns, rounds } = yield* answerTo(this.#rows.turns(priorities, flows))
    const learn = <Key>(known: Map<Key, number>, key: Key, turn: number) =>
      void (known.has(key) || known.set(key, turn))
    for (const { priority, turn } of rounds) learn(this.#rounds, priority, turn)
    for (const { priority, flow, turn } of turns) learn(this.#turns, flowOf(priority, flow), turn)
    for (const priority of priorities) {
      learn(this.#rounds, priority, firstRound)
      for (const flow of flows) learn(this.#turns, flowOf(priority, flow), 0)
    }
  }

  #keylessTurn(priority: number): number {
    return Math.max(this.#round(priority), this.#turns.get(flowOf(priority, keyless)) ?? 0)
  }

  #round(priority: number): number {
    return this.#rounds.get(priority) ?? firstRound
  }

  #advance(priority: number, turn: number): void {
    if (turn <= this.#round(priority)) return
    this.#rounds.set(priority, turn)
    this.#dirtyRounds.add(priority)
  }

  #setTurn(priority: number, flow: string, turn: number): void {
    this.#turns.set(flowOf(priority, flow), turn)
    this.#dirtyTurns.add(flowOf(priority, flow))
  }
}

const nothing: LaneWrites = {
  put: [],
  added: [],
  drop: [],
  rates: [],
  turns: [],
  rounds: [],
  notes: { lanes: [], buckets: [] },
}

function flowOf(priority: number, flow: string): string {
  return JSON.stringify({ priority, flow })
}

/** How many tasks of the bucket can start now. */
export function roomIn({ concurrency, running, rate, earliest }: BucketFacts, now: number): number {
  const places = concurrency === null ? Number.POSITIVE_INFINITY : Math.max(0, concurrency - running)
  return Math.min(places, rate === null ? Number.POSITIVE_INFINITY : startsNow(rate, earliest, now))
}
