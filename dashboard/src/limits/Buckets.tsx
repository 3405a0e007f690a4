import { Checkbox } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import type { BucketDetails, LimitDetails } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { Table } from '../kit/Table.tsx'
import { WholeInput } from '../kit/WholeInput.tsx'
import { Time } from '../time/Time.tsx'
import { exactCount } from '../time/words.ts'
import styles from './Limits.module.css'
import { blockWords, countedWords, keyWords } from './words.ts'

/** The keys of a limit: what runs, what waits, and when the next task may start. */
export function Buckets({ of: limit }: Readonly<{ of: LimitDetails }>) {
  const [search, setSearch] = useSearchParams()
  const key = search.get('key') ?? ''
  const blocked = search.has('blocked')
  const list = useInfiniteQuery(reads.buckets(limit.name, { blocked, key }))
  const filter = (change: Readonly<Record<string, string | null>>) =>
    setSearch((before) => {
      const after = new URLSearchParams(before)
      for (const [name, value] of Object.entries(change)) {
        if (value === null || (name === 'key' && value === '')) after.delete(name)
        else after.set(name, value)
      }
      return after
    })
  const filters = (
    <div className={styles.filters}>
      <Checkbox
        label="Only blocked"
        checked={blocked}
        disabled={key !== ''}
        onChange={({ currentTarget }) => filter({ blocked: currentTarget.checked ? '' : null })}
      />
      <WholeInput
        aria-label="Key"
        placeholder="Key"
        text={key}
        onTake={(text) => filter({ key: text })}
        size="xs"
      />
    </div>
  )
  return (
    <PagedList
      of={list}
      itemsOf={({ buckets }) => buckets}
      title="Keys"
      aside={filters}
      more="Show more keys"
      empty={
        <EmptyState icon="funnel" title={blocked ? 'No key is blocked' : 'No keys in use'}>
          <p>
            {blocked
              ? 'Every task under this limit may start.'
              : 'Keys appear here while tasks run or wait under this limit.'}
          </p>
        </EmptyState>
      }
    >
      {(buckets) => (
        <Table label="Keys" head={['Key', 'Running', 'Queued', 'Next start', 'State']}>
          {buckets.map((bucket) => (
            <Row key={bucket.key} of={bucket} limit={limit} />
          ))}
        </Table>
      )}
    </PagedList>
  )
}

function Row({ of: bucket, limit }: Readonly<{ of: BucketDetails; limit: LimitDetails }>) {
  const { key, running, queued, next_start_at: next } = bucket
  // What each node counts for itself is not known for the others.
  const why = limit.scope === 'node' ? null : blockWords(bucket, limit)
  return (
    <tr>
      <td className={styles.key}>{keyWords(key)}</td>
      <td>
        {limit.concurrency === null || limit.scope === 'node'
          ? exactCount(running)
          : `${exactCount(running)} of ${exactCount(limit.concurrency)}`}
      </td>
      <td>{countedWords(queued)}</td>
      <td>{next === null ? '' : <Time at={next} />}</td>
      <td>{queued > 0 && why !== null ? `Blocked: ${why}` : ''}</td>
    </tr>
  )
}
