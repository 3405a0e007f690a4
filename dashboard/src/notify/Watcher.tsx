import { useEffect, useEffectEvent } from 'react'
import { useLocation } from 'wouter'
import { client, isFermataError } from '../data/client.ts'
import type { Status } from '../data/shapes.ts'
import { statusName } from '../data/statuses.ts'
import { notices } from '../kit/notices.ts'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { useWatched, type Watched } from './watched.ts'

/** Milliseconds between two looks. Browsers look less often in a hidden tab. */
const lookEvery = 3_000

/** Tells the reader when a watched task has ended, also while the tab is hidden. Reads nothing while no task is watched. */
export function Watcher() {
  const { watched, forget } = useWatched()
  const [, navigate] = useLocation()
  const look = useEffectEvent(async () => {
    await Promise.all(
      watched.map(async (task) => {
        const status = await statusOf(task)
        if (status === null) return
        forget(task.id)
        if (status !== 'gone') tell(task, status, () => navigate(`/tasks/${task.id}`))
      }),
    )
  })
  const isWatching = watched.length > 0
  useEffect(() => {
    if (!isWatching) return undefined
    const timer = setInterval(() => void look(), lookEvery)
    return () => clearInterval(timer)
  }, [isWatching])
  return null
}

/** Null while it has not ended, and while the server cannot be asked. */
async function statusOf({ id }: Watched): Promise<Status | 'gone' | null> {
  try {
    const { status } = await client.getTaskStatus(id)
    return isTerminal(status) ? status : null
  } catch (error) {
    return isFermataError(error, 'TASK_UNKNOWN') ? 'gone' : null
  }
}

function tell({ id, type }: Watched, status: Status, open: () => void): void {
  const text = `${type} …${id.slice(-8)} ${statusName(status)}`
  notices.show({ text, action: { name: say.notify.open, run: open } })
  if (document.visibilityState === 'visible') return
  badge()
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return
  const notification = new Notification(text, { tag: id })
  notification.addEventListener('click', () => {
    window.focus()
    open()
    notification.close()
  })
}

/** Marks the title until the tab is visible again. */
function badge(): void {
  const mark = '● '
  if (!document.title.startsWith(mark)) document.title = `${mark}${document.title}`
  const unmark = () => {
    if (document.visibilityState !== 'visible') return
    document.removeEventListener('visibilitychange', unmark)
    if (document.title.startsWith(mark)) document.title = document.title.slice(mark.length)
  }
  document.addEventListener('visibilitychange', unmark)
}
