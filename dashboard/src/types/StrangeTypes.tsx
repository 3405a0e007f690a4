import type { Stats } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { say } from '../language/say.ts'
import { TypeCounts } from './TypeCounts.tsx'
import styles from './TypesPage.module.css'

/** Tasks of types that this server does not define. They wait for a node that does. */
export function StrangeTypes({
  types,
}: Readonly<{ types: readonly (readonly [string, Stats['types'][string]])[] }>) {
  return (
    <Card title={say.types.notDefinedHere}>
      <p className={styles.description}>{say.types.notDefinedMeans}</p>
      {types.map(([name, { counts }]) => (
        <div key={name}>
          <p className={styles.name}>{name}</p>
          <TypeCounts type={name} counts={counts} />
        </div>
      ))}
    </Card>
  )
}
