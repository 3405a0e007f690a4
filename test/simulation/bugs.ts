import type { StoreName } from './search.ts'

/** In `file`, `text` occurs exactly once and is replaced. */
export type Edit = Readonly<{ file: string; text: string; replacement: string }>

/** A defect that is put into the engine to show that the checker finds it. */
export type Bug = Readonly<{
  name: string
  what: string
  edits: readonly Edit[]
  /** Where it is found: default the simulated store. */
  store?: StoreName
  /** The first seed from 1 that catches it. */
  seed: number
}>

const bug = (
  name: string,
  what: string,
  seed: number,
  file: string,
  text: string,
  replacement: string,
  more: readonly Edit[] = [],
): Bug => ({ name, what, seed, edits: [{ file, text, replacement }, ...more] })

export const bugs: readonly Bug[] = [
  bug(
    'settle-any-fence',
    'A settlement is accepted whatever its fence and its node are.',
    80,
    'src/core/transition.ts',
    "if (task.fence !== settlement.fence || task.ownerNode !== node) return { verdict: 'superseded' }",
    '',
  ),
  bug(
    'save-any-fence',
    'A checkpoint is saved whatever its fence and its node are.',
    72,
    'src/store/memory/store.ts',
    'if (kept?.task.fence !== fence || kept.task.ownerNode !== node || !isActive(kept.task.status))',
    'if (kept === undefined || !isActive(kept.task.status))',
  ),
  bug(
    'answer-before-commit',
    'A submit is acknowledged before its commit.',
    1,
    'src/engine/submitter.ts',
    'const { answer } = claimer.claimWith(() => store.submit(submissions, options))',
    `const { answer } = claimer.claimWith(async (): Promise<Submitted> => {
      store.submit(submissions, options).catch(() => undefined)
      const context = { now: store.now(), nextQueuePosition: () => 1, by: 'api' }
      return { kind: 'accepted', tasks: submissions.map((one) => ({ replayed: false, ...submitted(one, context) })) }
    })`,
    [
      {
        file: 'src/engine/submitter.ts',
        text: "import type { Submission } from '../core/task.ts'",
        replacement:
          "import type { Submission } from '../core/task.ts'\nimport { submitted } from '../core/transition.ts'",
      },
    ],
  ),
  bug(
    'slot-not-released',
    'The slot of a run that has ended stays in use.',
    1,
    'src/execution/attempts.ts',
    '    else this.#holders.delete(attempt)\n',
    '',
  ),
  bug(
    'slot-not-counted',
    'A suspended handler that is not parked yet holds no slot, and continues beside those that took it.',
    29,
    'src/core/attempt-machine.ts',
    "return isAlive(state) && state.phase.name !== 'parked'",
    "return isAlive(state) && !['parked', 'parking', 'suspended'].includes(state.phase.name)",
  ),
  bug(
    'abandoned-slot-free',
    'The slot of code that ignores its signal is free before the code has stopped.',
    64,
    'src/core/attempt-machine.ts',
    "return isAlive(state) && state.phase.name !== 'parked'",
    "return isAlive(state) && state.phase.name !== 'parked' && state.phase.name !== 'abandoned'",
  ),
  bug(
    'fenced-off-not-counted',
    'Code that ignores its signal no longer counts towards the limit of its type.',
    49,
    'src/execution/attempt.ts',
    'await this.#settle(stoppedOutcome(stop, endedBy, this.#budget), { fencedOff: true })',
    'await this.#settle(stoppedOutcome(stop, endedBy, this.#budget))',
  ),
  bug(
    'pause-without-checkpoint',
    'A pause is recorded without the checkpoint that was not written yet.',
    6,
    'src/execution/attempt.ts',
    '      ...taken.documents,\n',
    "      ...(outcome.kind === 'paused' ? {} : taken.documents),\n",
  ),
  bug(
    'paused-time-is-active',
    'The time that a handler is parked counts as active time.',
    5,
    'src/execution/stopwatch.ts',
    '    this.#used += this.#stretch\n    this.#since = null\n    this.#heldAt = null\n',
    '    this.#heldAt = null\n',
    [
      {
        file: 'src/execution/stopwatch.ts',
        text: '  start(): void {\n    this.#since = this.#clock.monotonic()\n',
        replacement: '  start(): void {\n    this.#since ??= this.#clock.monotonic()\n',
      },
    ],
  ),
  bug(
    'doubtful-settlement-failed',
    'A settlement whose answer was lost counts as one that was never recorded.',
    2443,
    'src/execution/settlement-writer.ts',
    'inDoubt ||= error.unknown',
    'inDoubt ||= false',
  ),
  bug(
    'doubtful-claim-forgotten',
    'A claim whose answer was lost counts as one that claimed nothing.',
    76,
    'src/scheduling/claimer.ts',
    'this.#inDoubt ||= !(error instanceof StoreUnavailable) || error.unknown',
    'this.#inDoubt ||= !(error instanceof StoreUnavailable)',
  ),
  bug(
    'older-checkpoint-follows',
    'A checkpoint is written after a newer durable one that is on its way.',
    7,
    'src/execution/pending-writes.ts',
    'const isOvertaken = [...this.#durable, ...this.#settling].some(({ number }) => number > own)',
    'const isOvertaken = false',
  ),
  bug(
    'limit-not-counted',
    'A claim takes tasks of a type beyond its limit if others run already.',
    2,
    'src/store/memory/store.ts',
    '(concurrency ?? Infinity) - this.#occupied(type)',
    'concurrency ?? Infinity',
  ),
  bug(
    'pause-lost-with-node',
    'A task that was asked to pause is queued when its node dies.',
    45,
    'src/core/transition.ts',
    "    return move(task, 'lost', 'paused', context, by, { ...fenced, crashes }, why)\n",
    "    return move({ ...task, status: 'running' }, 'lost', 'queued', context, by, { ...fenced, crashes }, why)\n",
  ),
  bug(
    'cancel-of-completed',
    'A late cancel changes a completed task.',
    7,
    'src/core/lifecycle.ts',
    "    from: ['waiting', 'scheduled', 'queued', 'paused'],\n    to: ['cancelled'],",
    "    from: ['waiting', 'scheduled', 'queued', 'paused', 'completed'],\n    to: ['cancelled'],",
  ),
  bug(
    'cancel-before-stop',
    'A cancel takes effect although parked code of the task is alive.',
    272,
    'src/core/transition.ts',
    "if (name === 'cancelled') return task.ownerNode === null",
    "if (name === 'cancelled') return true",
  ),
  bug(
    'no-poll-for-news',
    'A node that misses a notification never looks by itself.',
    2,
    'src/cluster/sync.ts',
    '    return lookEvery\n',
    '    return 86_400_000\n',
  ),
  bug(
    'purge-of-anything',
    'A purge deletes tasks that have not ended.',
    21,
    'src/store/memory/store.ts',
    'if (!isMeant || !isTerminal(task.status)) return',
    'if (!isMeant) return',
  ),
  bug(
    'reap-of-the-living',
    'A node takes the tasks of another whose lease still holds.',
    13,
    'src/store/memory/nodes.ts',
    'this.#clock.now() <= started.renewedAt + this.#lease',
    'this.#clock.now() <= started.renewedAt + this.#lease / 2',
  ),
  bug(
    'event-gap',
    'A reader of events that misses a version continues without it.',
    97,
    'src/engine/task-events.ts',
    '} else if (event.entry.version > version + 1) {',
    '} else if (event.entry.version > version + 1_000) {',
  ),
  {
    ...bug(
      'counter-delta-missed',
      'A task that is paused in the queue is not counted.',
      3,
      'src/store/sqlite/row-writer.ts',
      "readonly #count: Counters['add'] = (type, status, tasks) => this.#counters.add(type, status, tasks)",
      "readonly #count: Counters['add'] = (type, status, tasks) => { if (status !== 'paused') this.#counters.add(type, status, tasks) }",
    ),
    store: 'sqlite',
  },
  bug(
    'lease-not-checked',
    'A claimed task starts although the lease of its node has ended.',
    175,
    'src/cluster/node-lease.ts',
    'return this.#mayStart && this.#renewer?.isValid !== false',
    'return this.#mayStart',
  ),
  bug(
    'timeout-while-paused',
    'The timeout of a task keeps running while the task is paused.',
    945,
    'src/execution/stopwatch.ts',
    '  hold(): void {\n    this.disarm()\n',
    '  hold(): void {\n',
    [
      {
        file: 'src/execution/stopwatch.ts',
        text: '  stop(): void {\n    this.disarm()\n',
        replacement: '  stop(): void {\n',
      },
    ],
  ),
  bug(
    'held-type-claimed',
    'A claim takes tasks of a held type.',
    2,
    'src/store/memory/store.ts',
    'const free = types.filter(({ type }) => !this.#holds.has(type))',
    'const free = types',
  ),
  bug(
    'news-before-read',
    'A change of another node counts as told before it was read, and the read can fail.',
    236,
    'src/cluster/sync.ts',
    '      const record = await this.#options.store.read(id)\n',
    '      this.#seen.set(id, { ...seen, version })\n      const record = await this.#options.store.read(id)\n',
    [
      {
        file: 'src/cluster/sync.ts',
        text: '      seen = this.#seen.get(id) ?? unseen\n      if (version > seen.version) {\n',
        replacement: '      if (version > seen.version) {\n',
      },
    ],
  ),
  bug(
    'no-poll-for-work',
    'A node that misses a notification, or whose claim fails, never claims by itself.',
    103,
    'src/scheduling/claimer.ts',
    'const pollEvery = 1_000',
    'const pollEvery = 86_400_000',
  ),
  bug(
    'parked-copy-forgotten',
    'A parked handler whose task was finished elsewhere and deleted stays in memory.',
    578,
    'src/execution/attempts.ts',
    "    this.#newest.get(id)?.send({ kind: 'disown', why: 'its task was deleted' })\n",
    '',
  ),
  bug(
    'adopt-any-copy',
    'A claim continues a parked handler although another run came between them.',
    808,
    'src/core/attempt-machine.ts',
    "return (phase.name === 'parked' || phase.name === 'parking') && previousFence === fence",
    "return (phase.name === 'parked' || phase.name === 'parking') && previousFence >= fence",
  ),
  bug(
    'failed-save-comes-back',
    'A save that fails after a pause has stored a newer checkpoint is repeated.',
    6,
    'src/execution/pending-writes.ts',
    '      this.isOutdated(number) ||\n      [...this.#settling,',
    '      [...this.#settling,',
  ),
  bug(
    'tick-runs-twice',
    'A change of a schedule applies whatever another node has written meanwhile, and a tick with a task gets another one.',
    1,
    'src/store/memory/schedules.ts',
    "    if (this.#schedules.get(id)?.version !== schedule.version - 1) return { kind: 'lost' }\n",
    '',
    [
      {
        file: 'src/store/memory/schedules.ts',
        text: '      return row === undefined || (row.taskId === null && row.waits === null)\n',
        replacement: '      return true\n',
      },
    ],
  ),
  bug(
    'tick-lost-when-full',
    'A schedule passes over ticks for which the queue has no room.',
    35,
    'src/store/memory/schedules.ts',
    "    if (answer.kind !== 'accepted') return { kind: 'full' }\n",
    "    if (answer.kind !== 'accepted') {\n      this.#schedules.set(id, schedule)\n      return { kind: 'full' }\n    }\n",
  ),
  bug(
    'overlap-sees-running-only',
    'A tick starts although a task of its schedule is queued or paused.',
    3,
    'src/store/memory/schedules.ts',
    'scheduleId === id && !isTerminal(status))',
    "scheduleId === id && status === 'running')",
  ),
  bug(
    'no-poll-for-ends',
    'A node never looks whether a task has ended elsewhere for which one waits.',
    121,
    'src/scheduling/releaser.ts',
    'const lookEvery = 1_000',
    'const lookEvery = 86_400_000',
  ),
  bug(
    'successor-starts-early',
    'A task starts after the first of its predecessors.',
    12,
    'src/core/transition.ts',
    "  if (missing > 0 || task.status !== 'waiting') return { ...task, missing }\n",
    "  if (task.status !== 'waiting') return { ...task, missing }\n",
  ),
  bug(
    'end-counted-twice',
    'The edge of an end that was counted is kept.',
    12,
    'src/store/memory/store.ts',
    '.filter((edge) => !counted.includes(edge))',
    '.filter((edge) => !counted.includes(edge) || counted.length > 1)',
  ),
  bug(
    'limit-forgets-fenced-off',
    'Code that ignores its signal no longer holds its slot of a named limit.',
    204,
    'src/store/memory/limits.ts',
    'return [...running, ...this.#store.fencedOff().filter(({ limits }) => names(limits, bucket))]',
    'return running',
  ),
  bug(
    'second-limit-ignored',
    'A task with several limits starts as soon as the first of them has room.',
    31,
    'src/store/memory/limits.ts',
    'if (!lane.limits.every((limit) => this.#hasRoom(limit, node))) continue',
    'if (!lane.limits.slice(0, 1).every((limit) => this.#hasRoom(limit, node))) continue',
  ),
  bug(
    'rate-allows-one-more',
    'A rate lets one task more start than it says.',
    46,
    'src/core/limits.ts',
    'Math.floor(limit - (ahead * limit) / per + tolerance)',
    'Math.floor(limit + 1 - (ahead * limit) / per + tolerance)',
  ),
  bug(
    'turn-costs-nothing',
    'A tenant with many tasks has the next turn, too.',
    31,
    'src/store/memory/limits.ts',
    'this.#turns.set(flow(priority, fairnessKey), turn + turnLength(weight))',
    'this.#turns.set(flow(priority, fairnessKey), turn)',
  ),
  {
    ...bug(
      'room-not-noted',
      'Tasks that wait for a full bucket are not told that it has room again.',
      19,
      'src/store/sqlite/lanes.ts',
      'for (const [bucket] of rows as [string][]) sql.noteBucket.run(bucket)',
      '',
    ),
    store: 'sqlite',
  },
]
