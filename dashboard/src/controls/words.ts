import type { Control, Status, TaskDetails } from '../data/shapes.ts'
import type { IconName } from '../kit/icons.ts'

type Words = Readonly<{
  name: string
  icon: IconName
  /** What it does to one task, whatever its status. */
  effect: string
  /** What it does to many. */
  effects: string
  /** What became of the tasks that it changed. */
  done: string
  /** To follow "can be". */
  participle: string
}>

/** What each control is called, and what it does. */
export const controlWords: Readonly<Record<Control, Words>> = {
  pause: {
    name: 'Pause',
    icon: 'pause',
    effect:
      'If it is waiting, it pauses immediately. If it is running, it continues to its next pause point, then keeps its progress and frees its slot.',
    effects:
      'Waiting tasks pause immediately. Running tasks continue to their next pause point, then keep their progress and free their slots.',
    done: 'paused or pausing',
    participle: 'paused',
  },
  resume: {
    name: 'Resume',
    icon: 'play',
    effect: 'It continues where it left off as soon as a slot is free.',
    effects: 'They continue where they left off as slots become free.',
    done: 'resumed',
    participle: 'resumed',
  },
  cancel: {
    name: 'Cancel',
    icon: 'stop',
    effect:
      'If it is waiting or paused, it ends immediately. If it is running, it is told to stop, and stopped by force if it does not. Its record is kept.',
    effects:
      'Waiting and paused tasks end immediately. Running tasks are told to stop, and stopped by force if they do not. Their records are kept.',
    done: 'cancelled or cancelling',
    participle: 'cancelled',
  },
  retry: {
    name: 'Retry',
    icon: 'retry',
    effect: 'It runs again from its last checkpoint, with failures and crashes reset.',
    effects: 'They run again from their last checkpoints, with failures and crashes reset.',
    done: 'queued again',
    participle: 'retried',
  },
}

type Task = Pick<TaskDetails, 'status' | 'checkpoint'>

/** What a control will do to this task, shown before the click. */
export function effectOn(control: Control, { status, checkpoint }: Task): string {
  switch (control) {
    case 'pause':
      return pauseEffect(status, checkpoint !== null)
    case 'resume':
      return status === 'pausing'
        ? 'Withdraws the pause. The task keeps running.'
        : 'Continues where it left off as soon as a slot is free.'
    case 'cancel':
      return status === 'running' || status === 'pausing'
        ? 'Tells the code to stop, and stops it by force if it does not. Work already done is not undone, and the record is kept.'
        : `Ends now and won’t ${status === 'paused' ? 'resume' : 'run'}. The record is kept.`
    case 'retry':
      return checkpoint === null
        ? 'Runs again from the start, with failures and crashes reset.'
        : 'Runs again from its last checkpoint, with failures and crashes reset.'
  }
}

function pauseEffect(status: Status, hasCheckpoint: boolean): string {
  if (status !== 'running')
    return 'Pauses immediately and keeps its place in the queue for when it is resumed.'
  const kept = hasCheckpoint
    ? 'Its checkpoint survives restarts.'
    : 'It has no checkpoint yet: if its node stops in the meantime, it starts over.'
  return `Continues to its next pause point, then frees its slot. ${kept}`
}
