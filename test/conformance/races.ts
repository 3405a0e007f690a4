import { describe, expect, test } from 'vitest'
import type { EventName } from '../../src/core/lifecycle.ts'
import * as actions from './actions.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

/**
 * Two parties act on one task, both based on what they saw before. A row is
 *
 *     situation | one | the other | outcome when the one is first | outcome when the other is first
 *
 * and an outcome is `answer to the one, answer to the other: status of the task after both`. Situations are in `given.ts`
 * (`lost`: the node died, and the reaper has not run yet), actions in `actions.ts`.
 *
 * The type rejects a move without races; a test rejects a race that never makes its move.
 */
const races: Readonly<Record<EventName, string>> = {
  submitted: `
    unsubmitted | submitIt | submitIt    | accepted, replayed: queued | replayed, accepted: queued
    unsubmitted | submitIt | submitOther | accepted, conflict: queued | conflict, accepted: gone
    unsubmitted | submitIt | cancel      | accepted, moved: cancelled | accepted, unknown: queued
  `,
  due: `
    due | promote | cancel  | moved, moved: cancelled | nothing, moved: cancelled
    due | promote | pause   | moved, moved: paused    | nothing, moved: paused
    due | promote | promote | moved, nothing: queued  | nothing, moved: queued
    due | promote | claim   | moved, claimed: running | moved, nothing: queued
  `,
  ready: `
    unreleased | release | cancel  | moved, moved: cancelled | nothing, moved: cancelled
    unreleased | release | pause   | moved, moved: paused    | nothing, moved: paused
    unreleased | release | release | moved, nothing: queued  | nothing, moved: queued
    unreleased | release | claim   | moved, claimed: running | moved, nothing: queued
  `,
  debounced: `
    debouncedInQueue | debounceIt | claim      | debounced, claimed: running     | accepted, claimed: running
    debounced        | debounceIt | cancel     | debounced, moved: cancelled     | accepted, moved: cancelled
    debounced        | debounceIt | pause      | debounced, moved: paused        | debounced, moved: paused
    dueDebounced     | debounceIt | promote    | debounced, nothing: scheduled   | debounced, moved: queued
    debounced        | debounceIt | debounceIt | debounced, debounced: scheduled | debounced, debounced: scheduled
  `,
  expired: `
    overdue          | expire | claim  | moved, nothing: cancelled | moved, nothing: cancelled
    overdueUntilDue  | expire | promote | moved, nothing: cancelled | moved, moved: cancelled
    overdueUnreleased | expire | release | moved, nothing: cancelled | moved, moved: cancelled
    overdue          | expire | cancel | moved, stands: cancelled  | nothing, moved: cancelled
    overdue          | expire | pause  | moved, refused: cancelled | nothing, moved: paused
    overdue          | expire | expire | moved, nothing: cancelled | nothing, moved: cancelled
  `,
  claimed: `
    queued        | claim | claim    | claimed, nothing: running    | nothing, claimed: running
    queued        | claim | cancel   | claimed, moved: cancelling   | nothing, moved: cancelled
    queued        | claim | pause    | claimed, moved: pausing      | nothing, moved: paused
    parkedInQueue | claim | unpark   | claimed, nothing: running    | claimed, moved: running
    parkedInQueue | claim | complete | claimed, superseded: running | claimed, superseded: running
  `,
  paused: `
    queued        | pause | claim   | moved, nothing: paused  | moved, claimed: pausing
    queued        | pause | cancel  | moved, moved: cancelled | refused, moved: cancelled
    due           | pause | promote | moved, nothing: paused  | moved, moved: paused
    queued        | pause | pause   | moved, stands: paused   | stands, moved: paused
    parkedInQueue | pause | unpark  | moved, moved: paused    | moved, moved: paused
    pausing      | park | resume   | settled, moved: queued      | stale, moved: running
    pausing      | park | cancel   | settled, moved: cancelling  | stale, moved: cancelling
    pausing      | park | complete | settled, settled: completed | superseded, settled: completed
    lost pausing | park | reap     | settled, moved: paused      | superseded, moved: paused
    pausing      | park | park     | settled, superseded: paused | superseded, settled: paused
  `,
  pause_requested: `
    running      | pause | complete     | moved, settled: completed | refused, settled: completed
    running      | pause | fail         | moved, settled: failed    | refused, settled: failed
    running      | pause | failAndRetry | moved, settled: paused    | moved, settled: paused
    running      | pause | cancel       | moved, moved: cancelling  | refused, moved: cancelling
    lost running | pause | reap         | moved, moved: paused      | moved, moved: paused
    lost running | pause | reapAsPoison | moved, moved: paused      | refused, moved: failed
    running      | pause | drain        | moved, settled: paused    | moved, settled: paused
  `,
  pause_withdrawn: `
    pausing      | resume | park     | moved, stale: running     | moved, settled: queued
    pausing      | resume | complete | moved, settled: completed | refused, settled: completed
    pausing      | resume | drain    | moved, settled: queued    | moved, settled: queued
    pausing      | resume | cancel   | moved, moved: cancelling  | refused, moved: cancelling
    lost pausing | resume | reap     | moved, moved: queued      | moved, moved: queued
  `,
  resumed: `
    paused         | resume | claim    | moved, claimed: running   | moved, nothing: queued
    paused         | resume | cancel   | moved, moved: cancelled   | refused, moved: cancelled
    parked         | resume | cancel   | moved, moved: cancelling  | refused, moved: cancelling
    parked         | resume | unpark   | moved, moved: queued      | moved, moved: queued
    parked         | resume | complete | moved, superseded: queued | refused, settled: completed
    lost parked    | resume | reap     | moved, moved: queued      | moved, moved: queued
    parked         | resume | resume   | moved, stands: queued     | stands, moved: queued
    pausedUntilDue | resume | promote  | moved, nothing: scheduled | moved, nothing: scheduled
    pausedAsleep   | resume | promote  | moved, nothing: waiting   | moved, nothing: waiting
  `,
  cancelled: `
    queued | cancel | claim   | moved, nothing: cancelled | moved, claimed: cancelling
    due    | cancel | promote | moved, nothing: cancelled | moved, moved: cancelled
    queued | cancel | retry   | moved, moved: queued      | moved, refused: cancelled
    paused | cancel | resume  | moved, refused: cancelled | moved, moved: cancelled
    cancelling      | obeyCancel | complete | settled, superseded: cancelled | superseded, settled: completed
    cancelling      | obeyCancel | fenceOff | settled, superseded: cancelled | superseded, settled: cancelled
    lost cancelling | obeyCancel | reap     | settled, nothing: cancelled    | superseded, moved: cancelled
    cancelling      | obeyCancel | retry    | settled, moved: queued         | settled, refused: cancelled
    doomed | release | cancel  | moved, stands: cancelled | nothing, moved: cancelled
    doomed | release | pause   | moved, refused: cancelled | moved, moved: cancelled
    cancelling      | fenceOff   | retry    | settled, refused: cancelled    | settled, refused: cancelled
  `,
  cancel_requested: `
    running       | cancel | complete | moved, settled: completed  | refused, settled: completed
    running       | cancel | fail     | moved, settled: cancelled  | refused, settled: failed
    pausing       | cancel | park     | moved, stale: cancelling   | moved, settled: cancelling
    parked        | cancel | unpark   | moved, moved: cancelled    | moved, moved: cancelled
    parkedInQueue | cancel | claim    | moved, nothing: cancelling | moved, claimed: cancelling
    parked        | cancel | complete | moved, settled: completed  | refused, settled: completed
    lost running  | cancel | reap     | moved, moved: cancelled    | moved, moved: cancelled
    running       | cancel | cancel   | moved, stands: cancelling  | stands, moved: cancelling
  `,
  completed: `
    lost running | complete | reap     | settled, nothing: completed    | superseded, moved: queued
    cancelling   | complete | fenceOff | settled, superseded: completed | superseded, settled: cancelled
    running      | complete | complete | settled, superseded: completed | superseded, settled: completed
    parked       | complete | unpark   | settled, nothing: completed    | superseded, moved: paused
  `,
  fence_raised: `
    cancelling      | fenceFirst | obeyCancel   | settled, superseded: cancelling | superseded, settled: cancelled
    cancelling      | fenceFirst | complete     | settled, superseded: cancelling | superseded, settled: completed
    running         | fenceFirst | failAndRetry | settled, superseded: running    | superseded, settled: scheduled
    running         | fenceFirst | cancel       | settled, moved: cancelling      | settled, moved: cancelling
    pausing         | fenceFirst | park         | settled, superseded: pausing    | superseded, settled: paused
    lost cancelling | fenceFirst | reap         | settled, moved: cancelled       | superseded, moved: cancelled
  `,
  sleep_started: `
    running      | fallAsleep | pause    | settled, moved: paused       | settled, moved: paused
    running      | fallAsleep | cancel   | settled, moved: cancelling   | stale, moved: cancelling
    running      | fallAsleep | complete | settled, settled: completed  | superseded, settled: completed
    running      | fallAsleep | fail     | settled, superseded: waiting | superseded, settled: failed
    lost running | fallAsleep | reap     | settled, moved: waiting      | superseded, moved: queued
    pausing      | fallAsleep | resume   | settled, moved: waiting      | settled, moved: waiting
  `,
  wait_started: `
    reached      | awaitAnswer | answer   | settled, answered: queued    | stale, answered: running
    reached      | awaitAnswer | pause    | settled, moved: paused       | settled, moved: paused
    reached      | awaitAnswer | cancel   | settled, moved: cancelling   | stale, moved: cancelling
    reached      | awaitAnswer | complete | settled, settled: completed  | superseded, settled: completed
    reached      | awaitAnswer | fail     | settled, superseded: waiting | superseded, settled: failed
    lost reached | awaitAnswer | reap     | settled, moved: waiting      | superseded, moved: queued
  `,
  woken: `
    overslept      | promote | cancel   | moved, moved: cancelling    | nothing, moved: cancelling
    overslept      | promote | pause    | moved, moved: paused        | nothing, moved: paused
    overslept      | promote | promote  | moved, nothing: queued      | nothing, moved: queued
    overslept      | promote | claim    | moved, claimed: running     | moved, nothing: queued
    overslept      | promote | wake     | moved, superseded: queued   | nothing, settled: queued
    overslept      | promote | complete | moved, superseded: queued   | nothing, settled: completed
    overslept      | promote | unpark   | moved, moved: queued        | moved, moved: queued
    lost overslept | promote | reap     | moved, moved: queued        | moved, moved: queued
    asleep         | wake    | cancel   | settled, moved: cancelling  | stale, moved: cancelling
    asleep         | wake    | pause    | settled, moved: paused      | superseded, moved: paused
    asleep         | wake    | wake     | settled, superseded: queued | superseded, settled: queued
    asleep         | wake    | complete | settled, superseded: queued | superseded, settled: completed
    asleep         | wake    | unpark   | settled, moved: queued      | superseded, moved: waiting
  `,
  answered: `
    reached           | answer | awaitAnswer | answered, stale: running      | answered, settled: queued
    reached           | answer | answer      | answered, late: running       | late, answered: running
    awaitsAnswer      | answer | answer      | answered, late: queued        | late, answered: queued
    awaitsAnswer      | answer | cancel      | answered, moved: cancelling   | answered, moved: cancelling
    awaitsAnswer      | answer | pause       | answered, moved: paused       | answered, moved: paused
    awaitsAnswer      | answer | wake        | answered, superseded: queued  | answered, settled: queued
    awaitsAnswer      | answer | complete    | answered, superseded: queued  | ended, settled: completed
    awaitsAnswer      | answer | unpark      | answered, moved: queued       | answered, moved: queued
    lost awaitsAnswer | answer | reap        | answered, moved: queued       | answered, moved: queued
    pausedForAnswer   | answer | resume      | answered, moved: queued       | answered, moved: queued
    unanswered        | answer | promote     | answered, nothing: queued     | answered, moved: queued
    queued            | answerEarly | claim       | answered, claimed: running | answered, claimed: running
    queued            | answerEarly | answerEarly | answered, late: queued     | late, answered: queued
  `,
  children_ended: `
    joining        | release | awaitChildren | moved, stale: running    | moved, settled: queued
    joining        | release | release       | moved, nothing: running  | nothing, moved: running
    joining        | release | complete      | moved, settled: completed | nothing, settled: completed
    joined         | release | release       | moved, nothing: queued   | nothing, moved: queued
    joined         | release | cancel        | moved, moved: cancelling | moved, moved: cancelling
    joined         | release | pause         | moved, moved: paused     | moved, moved: paused
    joined         | release | wake          | moved, superseded: queued | moved, settled: queued
    joined         | release | complete      | moved, superseded: queued | nothing, settled: completed
    joined         | release | unpark        | moved, moved: queued     | moved, moved: queued
    lost joined    | release | reap          | moved, moved: queued     | moved, moved: queued
    pausedForChild | release | resume        | moved, moved: queued     | moved, moved: queued
  `,
  retry_scheduled: `
    running      | failAndRetry    | cancel | settled, moved: cancelled   | settled, moved: cancelled
    running      | failAndRetry    | pause  | settled, moved: paused      | settled, moved: paused
    lost running | failAndRetry    | reap   | settled, nothing: scheduled | superseded, moved: queued
    running      | failAndRetryNow | claim  | settled, claimed: running   | settled, nothing: queued
    pausing      | failAndRetry | resume | settled, moved: scheduled | settled, moved: scheduled
    pausing      | failAndRetry | cancel | settled, moved: cancelled | settled, moved: cancelled
    lost pausing | failAndRetry | reap   | settled, nothing: paused  | superseded, moved: paused
  `,
  failed: `
    running      | fail            | retry  | settled, moved: queued   | settled, refused: failed
    running      | failAndFenceOff | retry  | settled, refused: failed | settled, refused: failed
    running      | fail            | cancel | settled, refused: failed | settled, moved: cancelled
    lost running | fail            | reap   | settled, nothing: failed | superseded, moved: queued
    pausing      | fail            | resume | settled, refused: failed | settled, moved: failed
    doomedToFail | release         | cancel | moved, refused: failed   | nothing, moved: cancelled
  `,
  released: `
    running      | drain | cancel   | settled, moved: cancelled   | settled, moved: cancelled
    running      | drain | pause    | settled, moved: paused      | settled, moved: paused
    running      | drain | complete | settled, superseded: queued | superseded, settled: completed
    lost running | drain | reap     | settled, nothing: queued    | superseded, moved: queued
    pausing | drain | resume | settled, moved: queued      | settled, moved: queued
    pausing | drain | cancel | settled, moved: cancelled   | settled, moved: cancelled
    pausing | drain | park   | settled, superseded: paused | superseded, settled: paused
  `,
  unparked: `
    parked        | unpark | resume | moved, moved: queued    | moved, moved: queued
    parkedInQueue | unpark | claim  | moved, claimed: running | nothing, claimed: running
    parked        | unpark | cancel | moved, moved: cancelled | moved, moved: cancelled
    lost parked   | unpark | reap   | moved, nothing: paused  | nothing, moved: paused
    parked        | unpark | unpark | moved, nothing: paused  | nothing, moved: paused
  `,
  lost: `
    lost running | reap         | complete | moved, superseded: queued | nothing, settled: completed
    lost running | reap         | reap     | moved, nothing: queued    | nothing, moved: queued
    lost running | reap         | cancel   | moved, moved: cancelled   | moved, moved: cancelled
    lost running | reap         | claim    | moved, claimed: running   | moved, nothing: queued
    lost running | reapAsPoison | cancel   | moved, refused: failed    | moved, moved: cancelled
    running      | loseProcess  | complete | settled, superseded: queued | superseded, settled: completed
    running      | loseProcess  | pause    | settled, moved: paused      | settled, moved: paused
    lost running | loseProcess  | reap     | settled, nothing: queued    | superseded, moved: queued
    lost pausing | reap | resume | moved, moved: queued      | moved, moved: queued
    lost pausing | reap | park   | moved, superseded: paused | moved, settled: paused
    lost pausing | reap | cancel | moved, moved: cancelled   | moved, moved: cancelled
    pausing      | loseProcess | park   | settled, superseded: paused | superseded, settled: paused
    pausing      | loseProcess | resume | settled, moved: queued      | settled, moved: queued
    lost cancelling | reap | complete   | moved, superseded: cancelled | nothing, settled: completed
    lost cancelling | reap | obeyCancel | moved, superseded: cancelled | nothing, settled: cancelled
    lost cancelling | reap | retry      | moved, moved: queued         | moved, refused: cancelled
    cancelling      | loseProcess | obeyCancel | settled, superseded: cancelled | superseded, settled: cancelled
  `,
  park_lost: `
    lost parked        | reap | resume | moved, moved: queued    | moved, moved: queued
    lost parkedInQueue | reap | claim  | moved, claimed: running | nothing, claimed: running
    lost parked        | reap | cancel | moved, moved: cancelled | moved, moved: cancelled
    lost parked        | reap | unpark | moved, nothing: paused  | nothing, moved: paused
  `,
  retried: `
    failedWithCodeAlive | retry | releaseSlot | refused, released: failed | moved, released: queued
    lost failedWithCodeAlive | retry | reap     | refused, nothing: failed  | moved, nothing: queued
    failed                   | retry | retry    | moved, stands: queued     | stands, moved: queued
    failed                   | retry | prune    | moved, nothing: queued    | unknown, pruned: gone
    cancelled                | retry | purge    | moved, refused: queued    | unknown, purged: gone
    cancelled                | retry | cancel   | moved, moved: cancelled   | moved, stands: queued
    failed                   | retry | complete | moved, superseded: queued | moved, superseded: queued
  `,
}

export function racing(kind: StoreKind): void {
  const test = testsOn(kind)
  for (const [move, table] of Object.entries(races)) {
    describe(`a race of ${move}`, () => {
      for (const race of rowsOf(table)) {
        test(`of a ${race.situation} task: ${race.one} against ${race.other}`, async (scene) => {
          const made = new Set<string>()
          for (const together of [true, false]) {
            for (const first of ['one', 'other'] as const) {
              const known = await situationOf(race.situation)(scene)
              const answers = await run(scene, known, race, first, together)
              await scene.audit.check()
              const record = await scene.store.read(known.id)
              const outcome = `${answers}: ${record?.task.status ?? 'gone'}`
              const { one, other } = race.outcomes
              const taker = skippedBy(race, outcome)
              // Overlapping calls on a shared store have the outcome of either order.
              if (!together || !kind.shared)
                expect(outcome).toBe(race.outcomes[executedFirst(race, first, together && kind.groups)])
              else if (taker === undefined) expect([one, other]).toContain(outcome)
              else expect(await actionOf(taker)(scene, known)).toBe(takers[taker])
              for (const line of record?.timeline.slice(known.version) ?? []) made.add(line.event)
            }
          }
          expect(made, 'the races of a move make that move').toContain(move)
        })
      }
    })
  }
}

type Rival = 'one' | 'other'

/** Actions that take any task that is free, and their answer when they took one. */
const takers: Readonly<Record<string, string>> = { claim: 'claimed', reap: 'moved' }

/** The action that skipped the task because another call had locked it: it takes it the next time. */
function skippedBy({ one, other, outcomes }: Race, outcome: string): string | undefined {
  if (Object.values(outcomes).includes(outcome)) return undefined
  if (one in takers && outcome.startsWith('nothing, ')) return one
  return other in takers && outcome.includes(', nothing: ') ? other : undefined
}

/** A claim executes after the other calls in its commit. */
function executedFirst(race: Race, first: Rival, inOneCommit: boolean): Rival {
  const second = first === 'one' ? 'other' : 'one'
  return inOneCommit && race[first] === 'claim' && race[second] !== 'claim' ? second : first
}

type Race = Readonly<{
  situation: string
  one: string
  other: string
  /** By the party that acts first. */
  outcomes: Readonly<Record<Rival, string>>
}>

/** Both actions in one turn, so that a store with group commit commits them together; or the second after the first's answer. */
async function run(
  scene: Scene,
  known: given.Known,
  race: Race,
  first: Rival,
  together: boolean,
): Promise<string> {
  const answers = { one: '', other: '' }
  const begin = async (rival: Rival) => {
    answers[rival] = await actionOf(race[rival])(scene, known)
  }
  const begun = begin(first)
  if (!together) await begun
  await Promise.all([begun, begin(first === 'one' ? 'other' : 'one')])
  return `${answers.one}, ${answers.other}`
}

function rowsOf(table: string): Race[] {
  const lines = table.trim().split('\n')
  return lines.map((line) => {
    const [situation = '', one = '', other = '', oneFirst = '', otherFirst = ''] = line
      .split('|')
      .map((cell) => cell.trim())
    return { situation, one, other, outcomes: { one: oneFirst, other: otherFirst } }
  })
}

const { lost, ...plain } = given
const situations = new Map<string, given.Given>(Object.entries(plain))
const actionsByName = new Map<string, actions.Action>(Object.entries(actions))

function situationOf(name: string): given.Given {
  if (name.startsWith('lost ')) return lost(situationOf(name.slice('lost '.length)))
  return situations.get(name) ?? expect.unreachable(`no situation is named ${name}`)
}

function actionOf(name: string): actions.Action {
  return actionsByName.get(name) ?? expect.unreachable(`no action is named ${name}`)
}

/** Tests of the race table itself. */
export function racesAreComplete(): void {
  test.each(Object.entries(races))('%s has its races', (_, table) => {
    for (const { situation, one, other } of rowsOf(table)) {
      expect([situationOf(situation), actionOf(one), actionOf(other)]).toHaveLength(3)
    }
  })
}
