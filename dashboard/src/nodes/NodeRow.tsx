import { Badge } from '@mantine/core'
import type { client } from '../data/client.ts'
import { CopyButton } from '../kit/CopyButton.tsx'
import { SlotBar } from '../kit/SlotBar.tsx'
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
          {host ?? 'unknown host'}
          {pid !== null && <small>process {pid}</small>}
          {here && (
            <Badge size="sm" variant="light" tt="none">
              This node
            </Badge>
          )}
        </span>
        <span className={styles.id}>
          {id}
          <CopyButton text={id} what="the id" />
        </span>
      </div>
      <SlotBar used={node.slots_in_use} slots={node.max_concurrent} />
      <p className={styles.life}>
        Version {version} · started <Time at={started} />
        {renewed !== null && (
          <>
            {' '}
            · last renewed <Time at={renewed} />
          </>
        )}
      </p>
      <p className={styles.types}>
        {types.length === 0 ? 'No task types' : `Task types: ${types.join(', ')}`}
      </p>
    </li>
  )
}
