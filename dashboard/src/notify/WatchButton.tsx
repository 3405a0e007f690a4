import { Button } from '@mantine/core'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { useWatched, type Watched } from './watched.ts'

/** Asks to be told when the task ends: by a notification of the browser if it may, else in the page and its title. */
export function WatchButton({ task }: Readonly<{ task: Watched }>) {
  const { watched, watch, forget } = useWatched()
  const isOn = watched.some(({ id }) => id === task.id)
  const toggle = () => {
    if (isOn) {
      forget(task.id)
      return
    }
    watch(task)
    if (typeof Notification !== 'undefined' && Notification.permission === 'default') {
      void Notification.requestPermission()
    }
  }
  return (
    <Button
      variant={isOn ? 'light' : 'default'}
      leftSection={<Icon name="bell" />}
      aria-pressed={isOn}
      title={isOn ? say.notify.isNotified : say.notify.notifyHint}
      onClick={toggle}
    >
      {say.notify.notifyMe}
    </Button>
  )
}
