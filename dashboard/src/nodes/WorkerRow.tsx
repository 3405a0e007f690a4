import { CopyButton } from '../kit/CopyButton.tsx'
import type { client } from '../data/client.ts'
import { say } from '../language/say.ts'
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
          <CopyButton text={name} what={say.nodes.theName} />
        </span>
      </div>
      <p className={styles.life}>{say.nodes.runningTasks(tasks)}</p>
      <p className={styles.life}>
        {say.nodes.registeredBy(by)} <Time at={registered} /> {say.nodes.lastCall} <Time at={seen} />
      </p>
      <p className={styles.types}>{say.nodes.taskTypes(types.join(', '))}</p>
    </li>
  )
}
