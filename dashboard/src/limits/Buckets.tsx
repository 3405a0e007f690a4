import { Checkbox } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import type { BucketDetails, LimitDetails } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { Table } from '../kit/Table.tsx'
import { WholeInput } from '../kit/WholeInput.tsx'
import { say } from '../language/say.ts'
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
        label={say.limits.onlyBlocked}
        checked={blocked}
        disabled={key !== ''}
        onChange={({ currentTarget }) => filter({ blocked: currentTarget.checked ? '' : null })}
      />
      <WholeInput
        aria-label={say.common.key}
        placeholder={say.common.key}
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
      title={say.common.keys}
      aside={filters}
      more={say.limits.showMoreKeys}
      empty={
        <EmptyState icon="funnel" title={blocked ? say.limits.noKeyIsBlocked : say.limits.noKeysInUse}>
          <p>{blocked ? say.limits.everyTaskMayStart : say.limits.keysAppearHere}</p>
        </EmptyState>
      }
    >
      {(buckets) => (
        <Table
          label={say.common.keys}
          head={[
            say.common.key,
            say.common.running,
            say.common.queued,
            say.limits.nextStart,
            say.limits.state,
          ]}
        >
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
          : say.common.of(exactCount(running), exactCount(limit.concurrency))}
      </td>
      <td>{countedWords(queued)}</td>
      <td>{next === null ? '' : <Time at={next} />}</td>
      <td>{queued > 0 && why !== null ? say.limits.blockedBecause(why) : ''}</td>
    </tr>
  )
}
