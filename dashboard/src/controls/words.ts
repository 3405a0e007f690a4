import type { Control, Status, TaskDetails } from '../data/shapes.ts'
import type { IconName } from '../kit/icons.ts'

type Words = Readonly<{
  name: string
  icon: IconName
  /** What it does to tasks in general. */
  effect: string
  /** What became of a task that took it. */
  done: string
}>

/** How each control is called, and what it does. */
export const controlWords: Readonly<Record<Control, Words>> = {
  pause: {
    name: 'Pause',
    icon: 'pause',
    effect:
      'Those that wait stand still at once. Those that run go on to their next pause point, then keep their progress and give their slot back.',
    done: 'paused or pausing',
  },
  resume: {
    name: 'Resume',
    icon: 'play',
    effect: 'They go on where they stood, as slots become free.',
    done: 'resumed',
  },
  cancel: {
    name: 'Cancel',
    icon: 'stop',
    effect:
      'Those that wait or are paused end at once. Those that run are told to stop, and ended by force when they do not. Their records remain.',
    done: 'cancelled or cancelling',
  },
  retry: {
    name: 'Retry',
    icon: 'retry',
    effect: 'They run once more with a new budget of attempts, from their last checkpoint.',
    done: 'queued again',
  },
}

type Task = Pick<TaskDetails, 'status' | 'checkpoint'>

/** What a control will do to this very task, said before it is done. */
export function effectOn(control: Control, { status, checkpoint }: Task): string {
  switch (control) {
    case 'pause':
      return pauseEffect(status, checkpoint !== null)
    case 'resume':
      return status === 'pausing'
        ? 'The pause is taken back: it goes on running.'
        : 'It goes on where it stood: at once when a slot is free, else as soon as there is one.'
    case 'cancel':
      return status === 'running' || status === 'pausing'
        ? 'Its code is told to stop, and ended by force when it does not. What it has done is not undone; its record remains.'
        : 'It ends at once and never runs. Its record remains.'
    case 'retry':
      return checkpoint === null
        ? 'It runs once more from the start, with a new budget of attempts.'
        : 'It runs once more from its last checkpoint, with a new budget of attempts.'
  }
}

function pauseEffect(status: Status, hasCheckpoint: boolean): string {
  if (status !== 'running') return 'It stands still at once, and keeps its place for when it is resumed.'
  const kept = hasCheckpoint
    ? 'Its checkpoint is kept, over restarts too.'
    : 'It has no checkpoint yet: if its node stops meanwhile, it begins anew.'
  return `It runs on to its next pause point, then gives its slot back. ${kept}`
}
