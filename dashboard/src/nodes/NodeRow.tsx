import { Badge } from '@mantine/core'
import type { client } from '../data/client.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import { SlotBar } from '../kit/SlotBar.tsx'
import { say } from '../language/say.ts'
import { Time } from '../time/Time.tsx'
import styles from './NodesPage.module.css'

type Node = Awaited<ReturnType<typeof client.listNodes>>['nodes'][number]

/** One node: host, task types, slots and last renewal. */
export function NodeRow({ node }: Readonly<{ node: Node }>) {
  const { id, host, pid, here, version, types, started_at: started, renewed_at: renewed } = node
  return (
    <li className={styles.node}>
      <div className={styles.who}>
        <span className={styles.host}>
          {host ?? say.nodes.unknownHost}
          {pid !== null && <small>{say.nodes.process(pid)}</small>}
          {here && (
            <Badge size="sm" variant="light" tt="none">
              {say.nodes.thisNode}
            </Badge>
          )}
        </span>
        <span className={styles.id}>
          {id}
          <CopyButton text={id} what={say.common.theId} />
        </span>
      </div>
      <SlotBar used={node.slots_in_use} slots={node.max_concurrent} />
      <p className={styles.life}>
        {say.nodes.versionStarted(version)} <Time at={started} />
        {renewed !== null && (
          <>
            {' '}
            {say.nodes.lastRenewed} <Time at={renewed} />
          </>
        )}
      </p>
      <p className={styles.types}>
        {types.length === 0 ? say.common.noTaskTypes : say.nodes.taskTypes(types.join(', '))}
      </p>
    </li>
  )
}
