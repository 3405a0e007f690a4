import { Link } from 'wouter'
import styles from './TaskLink.module.css'

/** The end of an id tells tasks apart; its beginning is a time. */
export function TaskLink({ id, full = false }: Readonly<{ id: string; full?: boolean }>) {
  return (
    <Link href={`/tasks/${encodeURIComponent(id)}`} className={styles.link} title={id}>
      {full ? id : `…${id.slice(-8)}`}
    </Link>
  )
}
