import { Icon } from '../kit/Icon.tsx'
import { exactCount } from '../time/words.ts'
import styles from './FreshNotice.module.css'

/** More than a page of new tasks is not counted. */
const most = 100

/** Tasks that have come since: they are shown when the reader wants them, so that rows stay where they are. */
export function FreshNotice({ count, onShow }: Readonly<{ count: number; onShow: () => void }>) {
  if (count === 0) return <div role="status" />
  const words = count >= most ? `${most} or more` : exactCount(count)
  return (
    <div className={styles.place} role="status">
      <button type="button" className={styles.notice} onClick={onShow}>
        <Icon name="up" size={14} /> {words} new {count === 1 ? 'task' : 'tasks'}
      </button>
    </div>
  )
}
