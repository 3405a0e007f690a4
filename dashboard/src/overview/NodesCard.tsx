import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { QuietLink } from '../kit/QuietLink.tsx'
import { Sentence } from '../kit/Sentence.tsx'
import { SlotBar } from '../kit/SlotBar.tsx'
import { say } from '../language/say.ts'
import styles from './NodesCard.module.css'

/** Nodes to list; the rest are only counted. */
const listed = 6

/** Slots in use, in total and per node. */
export function NodesCard({ stats }: Readonly<{ stats: Stats | undefined }>) {
  const { data } = useQuery(reads.nodes())
  const nodes = data?.nodes ?? []
  const used = nodes.reduce((sum, node) => sum + node.slots_in_use, 0)
  const slots = nodes.reduce((sum, node) => sum + node.max_concurrent, 0)
  return (
    <Card
      title={say.overview.slots}
      aside={<QuietLink to="/nodes">{say.common.nodeCount(nodes.length)}</QuietLink>}
    >
      {data !== undefined && (
        <p className={styles.sum}>
          <Sentence of={say.overview.inUse(<strong>{used}</strong>, slots)} />
          {stats !== undefined && stats.node.parked > 0 && (
            <span>{say.overview.parkedHere(stats.node.parked)}</span>
          )}
        </p>
      )}
      <ul className={styles.nodes}>
        {nodes.slice(0, listed).map(({ id, host, pid, slots_in_use: inUse, max_concurrent: of }) => (
          <li key={id}>
            <span className={styles.name} title={id}>
              {host ?? `…${id.slice(-8)}`}
              {pid !== null && <small> {pid}</small>}
            </span>
            <SlotBar used={inUse} slots={of} />
          </li>
        ))}
      </ul>
      {nodes.length > listed && <QuietLink to="/nodes">{say.overview.more(nodes.length - listed)}</QuietLink>}
    </Card>
  )
}
