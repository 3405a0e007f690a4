import { z } from 'zod'
import { auditActions, type AuditEntry } from '../core/audit.ts'
import { filterBody } from './report-bodies.ts'
import { label, queryNumber, queryWhole, time } from './values.ts'

/** Requests and responses about the audit log. */

const latest = 253_402_300_799

export const AuditQuery = z.strictObject({
  caller: label(200).exactOptional().meta({ description: 'Changes by the caller of this name.' }),
  action: z
    .enum(auditActions, `must be one of ${auditActions.join(', ')}`)
    .exactOptional()
    .meta({ description: 'Changes of this kind.' }),
  task_id: label(200).exactOptional().meta({
    description:
      'Changes of this task, also if it was deleted. A unique part of the id is enough while the task exists. Its submit is found unless it was one of several in a batch, and bulk operations are not.',
  }),
  after: queryNumber(0, latest).exactOptional().meta({ description: 'At or after this time. Unix seconds.' }),
  before: queryNumber(0, latest).exactOptional().meta({ description: 'Before this time. Unix seconds.' }),
  limit: queryWhole(1, 1_000)
    .default(100)
    .meta({ description: 'Maximum number of entries per page.', example: 100 }),
  cursor: z.string().min(1).max(200).exactOptional().meta({
    description: 'The `next_cursor` of the previous page, with the same filter.',
  }),
})

const named = (id: string, name: string) =>
  z.strictObject({
    id: z.string().nullable().meta({ description: id }),
    name: z.string().nullable().meta({ description: name }),
  })

const example = {
  id: '4711',
  at: 1_764_000_000.125,
  caller: { id: 'k3v9x2m4q7ab', name: 'ci' },
  action: 'bulk.cancel',
  task_id: null,
  target: { id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c40', name: null },
  filter: { status: ['queued'], type: ['add'], created_before: 1_764_000_000.126 },
  count: 1_200,
  reason: 'wrong input file',
  request_id: 'c5b8e1f0-3a7d-4a52-9f0e-6b1d2c3e4f50',
}

export const AuditEntryBody = z
  .strictObject({
    id: z.string(),
    at: time('Time of the change.'),
    caller: z.strictObject({
      id: z.string().nullable().meta({ description: 'The id of its key; null without one.' }),
      name: z.string(),
    }),
    action: z.enum(auditActions),
    task_id: z
      .string()
      .nullable()
      .meta({ description: 'The task; null if the change is about several tasks, or none.' }),
    target: named('Of a key or an operation.', 'Of a key or a type.')
      .nullable()
      .meta({ description: 'The type of a submit or hold, the key, or the bulk operation.' }),
    filter: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'The filter of a bulk operation, as in its request.' }),
    count: z.int().nullable().meta({
      description:
        'Number of tasks changed; null if the change is not about tasks. It rises while a bulk operation is running.',
    }),
    reason: z.string().nullable().meta({ description: 'The reason that the caller gave.' }),
    request_id: z.string().nullable().meta({ description: 'The `X-Request-ID` of the request.' }),
  })
  .meta({ description: 'A change that a caller has made.', example })

export const AuditBody = z
  .strictObject({
    entries: z.array(AuditEntryBody).meta({ description: 'Newest first.' }),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Cursor of the next page; null on the last one.' }),
  })
  .meta({ description: 'A page of the audit log.', example: { entries: [example], next_cursor: null } })

export function auditBody({
  entries,
  nextCursor,
}: Readonly<{ entries: readonly AuditEntry[]; nextCursor: string | null }>) {
  return {
    entries: entries.map(({ at, taskId, filter, requestId, ...same }) => ({
      id: same.id,
      at: at / 1_000,
      caller: same.caller,
      action: same.action,
      task_id: taskId,
      target: same.target,
      filter: filter === null ? null : filterBody(filter),
      count: same.count,
      reason: same.reason,
      request_id: requestId,
    })),
    next_cursor: nextCursor,
  }
}
