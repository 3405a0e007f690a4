import type { Chance } from '../support/chance.ts'
import type { Steps } from './handlers.ts'
import type { Happening, Setting } from './script.ts'

/** The number of the task at which a story aims. */
export const aim = -1

type Teller = (chance: Chance, setting: Setting, here: number, elsewhere: number) => readonly Happening[]

/**
 * Some worlds have, among everything else, a story: rare things that happen to one task one after the other. At random, they
 * would hardly ever meet.
 */
export function storyOf(chance: Chance, setting: Setting): readonly Happening[] {
  if (chance.next() >= 0.3) return []
  const machines = setting.slots.flatMap((slots, machine) =>
    slots > 0 && machine < setting.machines ? [machine] : [],
  )
  const here = chance.of(machines)
  const elsewhere = chance.of(machines.filter((machine) => machine !== here))
  if (here === undefined) return []
  if (elsewhere === undefined) return lostSave(chance, setting, here, here)
  return chance.of([lostSave, unreadEnd, staleCopy])!(chance, setting, here, elsewhere)
}

const submit = (at: number, on: number, type: string, steps: Steps): Happening => ({
  at,
  on,
  kind: 'submit',
  node: 0,
  drafts: [{ type, steps, priority: 1, maxAttempts: 3, backoff: 0 }],
  waits: false,
  isAim: true,
})

const control = (at: number, on: number, control: 'pause' | 'resume' | 'cancel'): Happening => ({
  at,
  on,
  kind: 'control',
  node: 0,
  task: aim,
  control,
  wait: 0,
  fromStart: false,
})

const typeOf = (chance: Chance) => chance.of(['inline', 'limited', 'threaded', 'fragile'])!

/** A save is lost, a pause stores a newer checkpoint, and the task continues when the save is given up. */
const lostSave: Teller = (chance, { length, latency }, here) => {
  const at = chance.between(0, length >> 1)
  const paused = at + 3 * latency + chance.between(150, 2_000)
  return [
    submit(at, here, typeOf(chance), [
      ['checkpoint'],
      ['sleep', chance.between(120, 800)],
      ['checkpoint'],
      ['sleep', 3_000],
      ['checkpoint'],
      ['sleep', 3_000],
    ]),
    {
      at,
      kind: 'store-fault',
      machines: [here],
      fault: 'lose-request',
      share: 1,
      ms: paused - at - 50,
      only: 'saves',
    },
    control(paused, here, 'pause'),
    control(paused + chance.between(500, 6_000), here, 'resume'),
  ]
}

/** A task ends while a node on which a caller waits can read only now and then. */
const unreadEnd: Teller = (chance, { length }, here, elsewhere) => {
  const at = chance.between(0, length >> 1)
  const lasts = chance.between(500, 3_000)
  return [
    submit(at, here, typeOf(chance), [['sleep', lasts]]),
    {
      at: at + 450,
      on: elsewhere,
      kind: chance.of(['wait', 'follow'] as const)!,
      node: 0,
      task: aim,
      patience: 1_000_000,
    },
    {
      at: at + 480,
      kind: 'store-fault',
      machines: [elsewhere],
      fault: 'refuse',
      share: 0.5,
      ms: lasts + 8_000,
      only: 'reads',
    },
  ]
}

/** A parked handler does not hear that its task continues elsewhere, until its node claims the task again. */
const staleCopy: Teller = (chance, { length, latency }, here, elsewhere) => {
  const at = chance.between(0, length >> 1)
  const pause = at + 3 * latency + chance.between(50, 900)
  const deaf = pause + 3 * latency + chance.between(50, 400)
  const resume = deaf + chance.between(50, 500)
  const back = resume + 3 * latency + chance.between(300, 4_000)
  const end: readonly Happening[] = chance.of([
    [control(back, elsewhere, 'pause'), control(back + 2 * latency + 300, here, 'resume')],
    [{ at: back, kind: 'close', machine: elsewhere, restartIn: 5_000 }],
    [{ at: back, kind: 'kill', machine: elsewhere, restartIn: 5_000 }],
    [{ at: back, on: elsewhere, kind: 'purge', node: 0, task: aim }],
  ] as const)!
  return [
    submit(at, here, typeOf(chance), [
      ['checkpoint'],
      ['sleep', 1_000],
      ['checkpoint'],
      ['sleep', 300],
      ['checkpoint'],
      ['sleep', 3_000],
      ['checkpoint'],
      ['sleep', 300],
    ]),
    control(pause, here, 'pause'),
    { at: deaf, kind: 'store-fault', machines: [here], fault: 'refuse', share: 1, ms: 25_000, only: 'reads' },
    control(resume, elsewhere, 'resume'),
    ...end,
  ]
}
