import { z } from 'zod'
import { Status } from './answers.ts'
import { createdBy, tag, typeList } from './filters.ts'
import { queryNumber, queryWhole, taskId, time, typeName } from './values.ts'

const latest = 253_402_300_799

export const RunsQuery = z.strictObject({
  from: queryNumber(0, latest).exactOptional().meta({
    description:
      'Leaves out tasks that ended before this time. Unix seconds. Default: an hour before `until`.',
  }),
  until: queryNumber(0, latest).exactOptional().meta({
    description: 'Leaves out tasks that were submitted at or after this time. Unix seconds. Default: now.',
  }),
  type: typeList.exactOptional(),
  tag: tag.exactOptional(),
  created_by: createdBy.exactOptional(),
  limit: queryWhole(1, 2_000)
    .default(2_000)
    .meta({ description: 'Maximum number of tasks.', example: 2_000 }),
})

const RunChangeBody = z.strictObject({
  version: z.int().meta({ description: 'Version of the task after it.' }),
  at: time('When it happened.'),
  event: z.string().meta({ description: 'As in the timeline of the task.' }),
  status: Status,
  attempt: z.int(),
})

const runExample = {
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  task_type: 'import',
  changes: [
    { version: 1, at: 1_764_000_000, event: 'submitted', status: 'queued', attempt: 0 },
    { version: 2, at: 1_764_000_004, event: 'claimed', status: 'running', attempt: 1 },
    { version: 3, at: 1_764_000_034, event: 'completed', status: 'completed', attempt: 1 },
  ],
} as const

const RunBody = z
  .strictObject({
    task_id: taskId,
    task_type: typeName,
    changes: z.array(RunChangeBody).meta({
      description:
        'Statuses of the task over time, oldest first: each holds until the next one. At most 20, the first and the newest.',
    }),
  })
  .meta({ description: 'What a task did over time.', example: runExample })

export const RunsBody = z
  .strictObject({
    runs: z.array(RunBody),
    from: time('Start of the time.'),
    until: time('End of the time.'),
    limited: z.boolean().meta({
      description:
        'Whether there may be more. Looks at the latest 10,000 tasks that ended in the time, and at 2,000 that ended after it.',
    }),
  })
  .meta({
    description: 'What tasks did in a time.',
    example: { runs: [runExample], from: 1_763_996_400, until: 1_764_000_000, limited: false },
  })

type ChangeOf = Readonly<{
  version: number
  at: number
  event: string
  status: z.output<typeof Status>
  attempt: number
}>
type RunsOf = Readonly<{
  runs: readonly Readonly<{ id: string; type: string; changes: readonly ChangeOf[] }>[]
  from: number
  until: number
  limited: boolean
}>

export function runsBody({ runs, from, until, limited }: RunsOf): z.input<typeof RunsBody> {
  return {
    runs: runs.map(({ id, type, changes }) => ({
      task_id: id,
      task_type: type,
      changes: changes.map(({ at, ...change }) => ({ ...change, at: at / 1_000 })),
    })),
    from: from / 1_000,
    until: until / 1_000,
    limited,
  }
}
