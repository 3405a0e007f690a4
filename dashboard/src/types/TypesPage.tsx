import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import { Loaded } from '../kit/Loaded.tsx'
import { NoTypes } from '../kit/NoTypes.tsx'
import { Page } from '../kit/Page.tsx'
import { StrangeTypes } from './StrangeTypes.tsx'
import { TypeCard } from './TypeCard.tsx'
import styles from './TypesPage.module.css'

/** The task types, with their tasks and holds. */
export function TypesPage() {
  const types = useQuery({ ...reads.types(), refetchInterval: 5_000 })
  const stats = useQuery(reads.stats())
  const details = Object.values(types.data?.task_details ?? {})
  const strange = Object.entries(stats.data?.types ?? {}).filter(
    ([name]) => types.data !== undefined && !types.data.available_tasks.includes(name),
  )
  return (
    <Page title="Types">
      <Loaded of={types} height={180}>
        {() =>
          details.length === 0 ? (
            <NoTypes />
          ) : (
            <div className={styles.types}>
              {details.map((type) => (
                <TypeCard key={type.type} type={type} figures={stats.data?.types[type.type]} />
              ))}
              {strange.length > 0 && <StrangeTypes types={strange} />}
            </div>
          )
        }
      </Loaded>
    </Page>
  )
}
