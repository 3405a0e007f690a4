import type { Control, Status, TaskDetails } from '../data/shapes.ts'
import type { IconName } from '../kit/icons.ts'
import { say } from '../language/say.ts'

type Words = Readonly<{ icon: IconName }> & (typeof say.controls)[Control]

/** What each control is called, and what it does. */
export const controlWords: Readonly<Record<Control, Words>> = {
  pause: { icon: 'pause', ...say.controls.pause },
  resume: { icon: 'play', ...say.controls.resume },
  cancel: { icon: 'stop', ...say.controls.cancel },
  retry: { icon: 'retry', ...say.controls.retry },
}

type Task = Pick<TaskDetails, 'status' | 'checkpoint'>

/** What a control will do to this task, shown before the click. */
export function effectOn(control: Control, { status, checkpoint }: Task): string {
  switch (control) {
    case 'pause':
      return pauseEffect(status, checkpoint !== null)
    case 'resume':
      return status === 'pausing' ? say.controls.withdrawsPause : say.controls.continues
    case 'cancel':
      return status === 'running' || status === 'pausing'
        ? say.controls.cancelsRunning
        : status === 'paused'
          ? say.controls.endsNowPaused
          : say.controls.endsNow
    case 'retry':
      return checkpoint === null ? say.controls.retriesFromStart : say.controls.retriesFromCheckpoint
  }
}

function pauseEffect(status: Status, hasCheckpoint: boolean): string {
  if (status !== 'running') return say.controls.pausesInQueue
  return hasCheckpoint ? say.controls.pausesWithCheckpoint : say.controls.pausesWithoutCheckpoint
}
