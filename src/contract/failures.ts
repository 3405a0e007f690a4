import { z } from 'zod'
import { createdBy, tag, typeList } from './filters.ts'
import { queryWhole, taskId, time, typeName } from './values.ts'

/** Spans of time of the failures that are grouped, in milliseconds. */
export const failureSpans = {
  '1h': 3_600_000,
  '24h': 86_400_000,
  '7d': 604_800_000,
  '30d': 2_592_000_000,
} as const

export type FailureSpan = keyof typeof failureSpans

export const FailuresQuery = z.strictObject({
  type: typeList.exactOptional(),
  tag: tag.exactOptional(),
  created_by: createdBy.exactOptional(),
  span: z
    .enum(Object.keys(failureSpans) as FailureSpan[])
    .default('7d')
    .meta({ description: 'Tasks that failed in the last hour, day, week or 30 days.', example: '7d' }),
  limit: queryWhole(1, 1_000).default(100).meta({ description: 'Maximum number of groups.', example: 100 }),
})

const groupExample = {
  fingerprint: '8f3a1c0de5b72946',
  code: 'ECONNREFUSED',
  message: 'connect ECONNREFUSED 10.0.0.7:5432',
  count: 412,
  first_failed_at: 1_764_000_000,
  last_failed_at: 1_764_003_600,
  types: [{ type: 'import', count: 412 }],
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  history: [...Array.from({ length: 22 }, () => 0), 100, 312],
}

const FailureGroupBody = z
  .strictObject({
    fingerprint: z
      .string()
      .meta({ description: 'Selects these tasks as a filter of lists and bulk operations.' }),
    code: z.string(),
    message: z
      .string()
      .nullable()
      .meta({ description: 'Of the task that failed last; null if it was deleted or cannot be decrypted.' }),
    count: z.int().meta({ description: 'Failed tasks in the span.' }),
    first_failed_at: time('When the first of them failed.'),
    last_failed_at: time('When the last of them failed.'),
    types: z
      .array(z.strictObject({ type: typeName, count: z.int() }))
      .meta({ description: 'Their types, most failures first.' }),
    task_id: taskId.meta({ description: 'The task that failed last.' }),
    history: z
      .array(z.int())
      .meta({ description: 'How many failed in each of 24 steps of the span, oldest first.' }),
  })
  .meta({ description: 'Failed tasks with the same cause.', example: groupExample })

export const FailuresBody = z
  .strictObject({
    failures: z.array(FailureGroupBody),
    start: time('When the first step of the histories started.'),
    step: z.number().meta({ description: 'Length of a step in seconds.' }),
    limited: z.boolean().meta({
      description:
        'Whether there are more groups, or more than the latest 10,000 failures in the span, which are counted.',
    }),
  })
  .meta({
    description: 'Failed tasks by cause, the latest failure first.',
    example: { failures: [groupExample], start: 1_763_398_800, step: 25_200, limited: false },
  })

type GroupOf = Readonly<{
  fingerprint: string
  code: string
  count: number
  firstAt: number
  lastAt: number
  types: Readonly<Record<string, number>>
  history: readonly number[]
  latest: Readonly<{
    id: string
    record: Readonly<{ task: Readonly<{ error: Readonly<{ message: string }> | null }> }> | null
  }>
}>

type GroupsOf = Readonly<{ groups: readonly GroupOf[]; start: number; step: number; limited: boolean }>

export function failuresBody({ groups, start, step, limited }: GroupsOf) {
  return {
    failures: groups.map(({ fingerprint, code, count, firstAt, lastAt, types, history, latest }) => ({
      fingerprint,
      code,
      message: latest.record?.task.error?.message ?? null,
      count,
      first_failed_at: firstAt / 1_000,
      last_failed_at: lastAt / 1_000,
      types: Object.entries(types)
        .map(([type, count]) => ({ type, count }))
        .toSorted((a, b) => b.count - a.count),
      task_id: latest.id,
      history,
    })),
    start: start / 1_000,
    step: step / 1_000,
    limited,
  }
}
