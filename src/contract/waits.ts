import { z } from 'zod'
import { waitLimits } from '../core/wait.ts'
import { TaskParams } from './requests.ts'
import { queryWhole, time, typeName } from './values.ts'

/** Requests and responses about waits for answers. */

const waitName = z
  .string()
  .min(1)
  .max(waitLimits.name)
  .meta({ description: 'Name of a wait, as the handler gives it.', example: 'approval' })

const token = z
  .string()
  .min(1)
  .max(200)
  .meta({ description: 'The token of a wait.', example: 'wait_Wm9mZmljZSBpcyBjbG9zZWQgdG9kYXk' })

export const WaitTokenParams = z.object({ token })
export const WaitParams = TaskParams.extend({ wait_name: waitName })

const page = {
  limit: queryWhole(1, 100).default(50).meta({ description: 'Maximum number of waits.', example: 50 }),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the next_cursor of a page of waits')
    .exactOptional()
    .meta({ description: '`next_cursor` of the page before.' }),
}

export const TaskWaitsQuery = z.strictObject(page)

export const WaitsQuery = z.strictObject({
  type: typeName.exactOptional().meta({ description: 'Only waits of tasks of this type.' }),
  name: waitName.exactOptional().meta({ description: 'Only waits with this name.' }),
  status: z.enum(['open', 'closed'], 'must be open or closed').exactOptional().meta({
    description:
      '`open`: somebody must answer. `closed`: answered or timed out, or the task has ended. Default: both.',
    example: 'open',
  }),
  ...page,
})

export const AnswerRequest = z
  .strictObject(
    { answer: z.unknown().meta({ description: 'Any JSON value that fits the schema of the wait.' }) },
    'the body must be a JSON object with answer',
  )
  .refine((body) => 'answer' in body, { path: ['answer'], message: 'is required' })
  .meta({ example: { answer: { approved: true } } })

export const WaitBody = z
  .strictObject({
    task_id: z.string(),
    task_type: z.string(),
    name: z.string(),
    occurrence: z.int().meta({
      description: 'Which use of the name it is in a run of the task, starting at 1.',
    }),
    status: z.enum(['open', 'answered', 'timed_out', 'early', 'ended']).meta({
      description:
        '`early`: answered before a run came to it, and checked when one does. `ended`: the task has ended without an answer.',
    }),
    token: z.string().nullable().meta({
      description:
        'Names exactly this wait. Null without the scope `control`, and before a run has come to it.',
    }),
    schema: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'JSON schema that the answer must fit; null for any.' }),
    message: z.string().nullable().meta({ description: 'What people are asked.' }),
    created_at: time('When a run came to it, or when it was answered before.'),
    expires_at: time('When it times out; null if it does not.').nullable(),
    answered_at: time('Null until it is answered.').nullable(),
    answered_by: z.string().nullable().meta({ description: 'The name of the caller.' }),
    answer: z.unknown().meta({ description: 'Null until it is answered.' }),
  })
  .meta({ description: 'A wait of a task for an answer.' })

const example = {
  task_id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  task_type: 'order',
  name: 'approval',
  occurrence: 1,
  status: 'open',
  token: 'wait_Wm9mZmljZSBpcyBjbG9zZWQgdG9kYXk',
  schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  message: 'An order of 1200 EUR needs your approval.',
  created_at: 1_764_000_000.25,
  expires_at: 1_764_604_800.25,
  answered_at: null,
  answered_by: null,
  answer: null,
} as const

export const WaitsBody = z
  .strictObject({ waits: z.array(WaitBody), next_cursor: z.string().nullable() })
  .meta({ description: 'Waits.', example: { waits: [example], next_cursor: null } })

export const AnsweredBody = z
  .strictObject({
    task_id: z.string(),
    name: z.string(),
    occurrence: z.int(),
    status: z.literal('answered'),
  })
  .meta({
    description: 'The wait that was answered.',
    example: { task_id: example.task_id, name: 'approval', occurrence: 1, status: 'answered' },
  })

type WaitList = Readonly<{
  waits: readonly Readonly<{
    id: string
    type: string
    name: string
    occurrence: number
    status: z.output<typeof WaitBody>['status']
    token: string | null
    schema: Readonly<Record<string, unknown>> | null
    message: string | null
    createdAt: number
    expiresAt: number | null
    answeredAt: number | null
    answeredBy: string | null
    answer: string | null
  }>[]
  next: number | null
}>

/** Answers are inserted as text. */
export function waitsBody({ waits, next }: WaitList): string {
  const texts = waits.map(({ answer, ...wait }) => {
    const fields = JSON.stringify({
      task_id: wait.id,
      task_type: wait.type,
      name: wait.name,
      occurrence: wait.occurrence,
      status: wait.status,
      token: wait.token,
      schema: wait.schema,
      message: wait.message,
      created_at: wait.createdAt / 1_000,
      expires_at: seconds(wait.expiresAt),
      answered_at: seconds(wait.answeredAt),
      answered_by: wait.answeredBy,
    })
    return `${fields.slice(0, -1)},"answer":${answer ?? 'null'}}`
  })
  return `{"waits":[${texts.join(',')}],"next_cursor":${next === null ? 'null' : `"${next}"`}}`
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000
}
