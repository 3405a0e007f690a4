import { Link } from 'wouter'
import styles from './TaskLink.module.css'

/** Ids begin with a time, so their endings tell tasks apart. */
export function TaskLink({ id, full = false }: Readonly<{ id: string; full?: boolean }>) {
  return (
    <Link href={`/tasks/${encodeURIComponent(id)}`} className={styles.link} title={id}>
      {full ? id : `…${id.slice(-8)}`}
    </Link>
  )
}
