import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { exactCount } from '../time/words.ts'
import styles from './FreshNotice.module.css'

/** New tasks are counted up to one page. */
const most = 100

/** Announces new tasks. They are shown on request, so that rows do not move. */
export function FreshNotice({ count, onShow }: Readonly<{ count: number; onShow: () => void }>) {
  if (count === 0) return <div role="status" />
  const words = count >= most ? say.common.orMore(exactCount(most)) : exactCount(count)
  return (
    <div className={styles.place} role="status">
      <button type="button" className={styles.notice} onClick={onShow}>
        <Icon name="up" size={14} /> {say.tasks.fresh(words, count)}
      </button>
    </div>
  )
}
