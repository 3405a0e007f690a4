import { useQuery } from '@tanstack/react-query'
import { reads } from '../data/reads.ts'
import type { TaskDetails } from '../data/shapes.ts'
import { Card } from '../kit/Card.tsx'
import { Entries } from '../kit/Entries.tsx'
import { say } from '../language/say.ts'
import { isTerminal } from '../live/patch.ts'
import { AnswerForm } from '../waits/AnswerForm.tsx'
import { WaitEntry } from '../waits/WaitEntry.tsx'

/** What the task has asked, with a form for each question that is open. */
export function Waits({ task }: Readonly<{ task: TaskDetails }>) {
  const { data } = useQuery(reads.taskWaits(task.task_id, !isTerminal(task.status)))
  if (data === undefined || data.waits.length === 0) return null
  return (
    <Card title={say.task.questions} flush>
      <Entries
        label={say.task.questions}
        of={data.waits}
        keyOf={({ name, occurrence }) => `${occurrence} ${name}`}
      >
        {(wait) => (
          <WaitEntry of={wait}>
            {wait.status === 'open' && wait.token !== null && (
              <AnswerForm of={{ ...wait, token: wait.token }} />
            )}
          </WaitEntry>
        )}
      </Entries>
    </Card>
  )
}
