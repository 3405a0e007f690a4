import { z } from 'zod'
import { listOrders } from '../core/filter.ts'
import { bulkActions } from '../core/operation.ts'
import { statuses } from '../core/task.ts'
import { StatusBody } from './answers.ts'
import { reason } from './requests.ts'
import { label, longest, queryList, queryNames, queryNumber, queryWhole, typeName } from './values.ts'

/** Request shapes for many tasks: filters, pages and operations. */

const statusList = queryList(z.enum(statuses, `must be one of ${statuses.join(', ')}`)).meta({
  description: 'One or more statuses, comma-separated: `queued,running`.',
})
export const typeList = queryList(typeName).meta({
  description: 'One or more types, comma-separated.',
  example: 'add',
})
export const tag = label(200).meta({ description: 'Tasks with this tag.' })
export const createdBy = label(200).meta({ description: 'Submitted by the caller of this name.' })
const parent = z
  .string()
  .regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/, 'must be the id of a task')
  .meta({
    description: 'Children of this task: its full id.',
    example: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  })
const fingerprint = z
  .string()
  .regex(/^[\da-f]{16}$/, 'must be 16 hexadecimal digits, as in an error or a failure group')
  .meta({
    description: 'Failed tasks whose error has this fingerprint, which stands for its cause.',
    example: '8f3a1c0de5b72946',
  })
const tookMin = (number: z.ZodType<number>) =>
  number.meta({
    description:
      'Finished tasks that ran for at least this time, without pauses: their `execution_time`. Seconds. No index leads to them: the tasks that match the other filters are read.',
    example: 30,
  })
const tookMax = (number: z.ZodType<number>) =>
  number.meta({
    description: 'Finished tasks that ran for at most this time, without pauses. Seconds.',
    example: 300,
  })
const search = z.string().min(1).max(200)
const createdAfter = (number: z.ZodType<number>) =>
  number.meta({ description: 'Created at or after this time. Unix seconds.' })
const createdBefore = (number: z.ZodType<number>) =>
  number.meta({ description: 'Created before this time. Unix seconds.' })
const latest = 253_402_300_799
const meaning =
  'The beginning of an id, or text in parameters or error. The letters a to z match in either case.'

const eventFilter = {
  status: statusList.exactOptional(),
  type: typeList.exactOptional(),
  tag: tag.exactOptional(),
  created_by: createdBy.exactOptional(),
  parent: parent.exactOptional(),
  fingerprint: fingerprint.exactOptional(),
  took_min: tookMin(queryNumber(0, longest)).exactOptional(),
  took_max: tookMax(queryNumber(0, longest)).exactOptional(),
  created_after: createdAfter(queryNumber(0, latest)).exactOptional(),
  created_before: createdBefore(queryNumber(0, latest)).exactOptional(),
}

export const ChangesQuery = z.strictObject({
  ...eventFilter,
  q: search.exactOptional().meta({ description: meaning }),
})

export const ListQuery = z.strictObject({
  ...eventFilter,
  q: search.exactOptional().meta({
    description: `${meaning} Searches the newest 10,000 tasks that match the other filters; more than 12 characters of an id search all tasks.`,
  }),
  order: z.enum(listOrders).default('newest').meta({
    description:
      'By submission time (`newest`, `oldest`), by the time of the end (`ended_newest`, `ended_oldest`), or by execution time (`longest`, `shortest`). Only finished tasks have the latter two. Durations have no index: their order covers the newest 10,000 finished tasks that match.',
    example: 'newest',
  }),
  limit: queryWhole(1, 1_000)
    .default(100)
    .meta({ description: 'Maximum number of tasks per page.', example: 100 }),
  cursor: z.string().min(1).max(200).exactOptional().meta({
    description: 'The `next_cursor` of the previous page, with the same filter and order.',
  }),
  fields: queryNames(StatusBody.keyof().options).exactOptional().meta({
    description:
      'Fields to return for each task, comma-separated: `task_id,status`. Default: all. Without `parameters`, none are read, and their size does not limit a page.',
    example: 'task_id,status',
  }),
})

const oneOrMore = <T>(value: z.ZodType<T>, most: number) =>
  z.union([value.transform((single) => [single]), z.array(value).max(most)])

export const BulkRequest = z
  .strictObject(
    {
      action: z.enum(bulkActions).meta({
        description: 'The action. `purge` deletes finished tasks.',
        example: 'cancel',
      }),
      filter: z
        .strictObject(
          {
            status: oneOrMore(z.enum(statuses), 9).exactOptional(),
            type: oneOrMore(typeName, 1_000).exactOptional(),
            tag: tag.exactOptional(),
            created_by: createdBy.exactOptional(),
            parent: parent.exactOptional(),
            fingerprint: fingerprint.exactOptional(),
            took_min: tookMin(z.number().min(0).max(longest)).exactOptional(),
            took_max: tookMax(z.number().min(0).max(longest)).exactOptional(),
            q: search.exactOptional().meta({ description: meaning }),
            created_after: createdAfter(z.number().min(0).max(latest)).exactOptional(),
            created_before: createdBefore(z.number().min(0).max(latest)).exactOptional(),
          },
          'must be an object',
        )
        .meta({
          description:
            'Which tasks, as in the list; an empty filter means all. Tasks that do not accept the action, and tasks submitted later, are left out.',
        }),
      dry_run: z.boolean().default(false).meta({ description: 'Only count matching tasks.' }),
      reason: reason.exactOptional(),
    },
    'the body must be a JSON object',
  )
  .meta({
    description: 'An action on all tasks that match a filter.',
    example: { action: 'cancel', filter: { status: 'queued', type: 'add' }, dry_run: true },
  })

export const BulkQuery = z.strictObject({
  wait: queryNumber(0, 60).default(2).meta({
    description: 'Maximum seconds to wait for the operation to finish. Default 2.',
    example: 2,
  }),
})

export const OperationParams = z.object({
  operation_id: z.string().meta({
    description: 'Operation id, as returned when it was started.',
    example: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c40',
  }),
})

export const ChangesHeaders = z.object({
  'last-event-id': z.string().exactOptional().meta({
    description: 'Sent when a client reconnects. Whatever its value, the stream begins with `resync`.',
  }),
})
