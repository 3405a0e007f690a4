import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { QuietLink } from '../kit/QuietLink.tsx'
import { SlotBar } from '../kit/SlotBar.tsx'
import styles from './NodesCard.module.css'

/** Nodes that are listed before the rest is only counted. */
const listed = 6

/** Slots in use, of all nodes and of each. */
export function NodesCard({ stats }: Readonly<{ stats: Stats | undefined }>) {
  const { data } = useQuery(reads.nodes())
  const nodes = data?.nodes ?? []
  const all = stats?.nodes
  return (
    <Card
      title="Slots"
      aside={<QuietLink to="/nodes">{nodes.length === 1 ? '1 node' : `${nodes.length} nodes`}</QuietLink>}
    >
      {all !== undefined && (
        <p className={styles.sum}>
          <strong>{all.slots_in_use}</strong> of {all.slots} in use
          {stats !== undefined && stats.node.parked > 0 && <span> · {stats.node.parked} parked here</span>}
        </p>
      )}
      <ul className={styles.nodes}>
        {nodes.slice(0, listed).map(({ id, host, pid, slots_in_use: used, max_concurrent: slots }) => (
          <li key={id}>
            <span className={styles.name} title={id}>
              {host ?? `…${id.slice(-8)}`}
              {pid !== null && <small> {pid}</small>}
            </span>
            <SlotBar used={used} slots={slots} />
          </li>
        ))}
      </ul>
      {nodes.length > listed && <QuietLink to="/nodes">{nodes.length - listed} more</QuietLink>}
    </Card>
  )
}
