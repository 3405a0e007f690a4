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
import { say } from '../language/say.ts'
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
      aria-label={say.common.status}
      value={status}
      onChange={({ currentTarget }) =>
        setSearch(currentTarget.value === 'closed' ? { status: 'closed' } : {})
      }
      data={[
        { value: 'open', label: say.waits.open },
        { value: 'closed', label: say.waits.closed },
      ]}
    />
  )
  return (
    <Page title={say.common.waits}>
      <PagedList
        of={list}
        itemsOf={({ waits }) => waits}
        title={status === 'open' ? say.waits.waitingForAnAnswer : say.waits.closed}
        aside={filter}
        more={say.waits.showMoreQuestions}
        empty={
          <EmptyState
            icon="inbox"
            title={status === 'open' ? say.waits.nothingToAnswer : say.waits.noClosedQuestions}
          >
            <p>{say.waits.tasksAskHere}</p>
          </EmptyState>
        }
      >
        {(waits) => (
          <Entries
            label={say.waits.questions}
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
            <ActionButton label={say.waits.answerOf(name, type, id)} onClick={() => setOpen(true)}>
              {say.waits.answer}
            </ActionButton>
          </div>
        ))}
    </WaitEntry>
  )
}
