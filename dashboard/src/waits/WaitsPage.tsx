import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import type { TaskWait } from '../../../src/client/index.ts'
import { reads } from '../data/reads.ts'
import { EmptyState } from '../kit/EmptyState.tsx'
import { ActionButton, Entries } from '../kit/Entries.tsx'
import { Page } from '../kit/Page.tsx'
import { PagedList } from '../kit/PagedList.tsx'
import { TaskLink } from '../kit/TaskLink.tsx'
import { AnswerForm } from './AnswerForm.tsx'
import { WaitEntry } from './WaitEntry.tsx'

/** What tasks ask: the questions that somebody must answer, or those that are closed. */
export function WaitsPage() {
  const [search, setSearch] = useSearchParams()
  const status = search.get('status') === 'closed' ? 'closed' : 'open'
  const list = useInfiniteQuery(reads.waits(status))
  const filter = (
    <NativeSelect
      size="xs"
      aria-label="Status"
      value={status}
      onChange={({ currentTarget }) =>
        setSearch(currentTarget.value === 'closed' ? { status: 'closed' } : {})
      }
      data={[
        { value: 'open', label: 'Open' },
        { value: 'closed', label: 'Closed' },
      ]}
    />
  )
  return (
    <Page title="Waits">
      <PagedList
        of={list}
        itemsOf={({ waits }) => waits}
        title={status === 'open' ? 'Waiting for an answer' : 'Closed'}
        aside={filter}
        more="Show more questions"
        empty={
          <EmptyState icon="inbox" title={status === 'open' ? 'Nothing to answer' : 'No closed questions'}>
            <p>Tasks that need an answer of a person or of another system ask here.</p>
          </EmptyState>
        }
      >
        {(waits) => (
          <Entries
            label="Questions"
            of={waits}
            keyOf={({ task_id: id, name, occurrence }) => `${id} ${occurrence} ${name}`}
          >
            {(wait) => <Question of={wait} />}
          </Entries>
        )}
      </PagedList>
    </Page>
  )
}

/** The form opens on demand: a page has many questions. */
function Question({ of: wait }: Readonly<{ of: TaskWait }>) {
  const [isOpen, setOpen] = useState(false)
  const { token, status, task_id: id, task_type: type, name } = wait
  const task = (
    <span>
      {type} <TaskLink id={id} />
    </span>
  )
  return (
    <WaitEntry of={wait} task={task}>
      {status === 'open' &&
        token !== null &&
        (isOpen ? (
          <AnswerForm of={{ ...wait, token }} />
        ) : (
          <div>
            <ActionButton label={`Answer ${name} of ${type} ${id}`} onClick={() => setOpen(true)}>
              Answer
            </ActionButton>
          </div>
        ))}
    </WaitEntry>
  )
}
