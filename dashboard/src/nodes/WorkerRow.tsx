import { CopyButton } from '../kit/CopyButton.tsx'
import type { client } from '../data/client.ts'
import { Time } from '../time/Time.tsx'
import styles from './NodesPage.module.css'

type RemoteWorker = Awaited<ReturnType<typeof client.listNodes>>['workers'][number]

/** One remote worker: its types, its running tasks and its last call. */
export function WorkerRow({ worker }: Readonly<{ worker: RemoteWorker }>) {
  const { worker: name, types, tasks, created_by: by, registered_at: registered, seen_at: seen } = worker
  return (
    <li className={styles.node}>
      <div className={styles.who}>
        <span className={styles.host}>
          {name}
          <CopyButton text={name} what="the name" />
        </span>
      </div>
      <p className={styles.life}>{tasks === 1 ? '1 running task' : `${tasks} running tasks`}</p>
      <p className={styles.life}>
        Registered by {by} <Time at={registered} /> · last call <Time at={seen} />
      </p>
      <p className={styles.types}>{`Task types: ${types.join(', ')}`}</p>
    </li>
  )
}
