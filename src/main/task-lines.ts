import { z } from 'zod'
import { parentPolicies } from '../core/dependency.ts'
import { failurePolicies, parentEnds, statuses, type ErrorRecord } from '../core/task.ts'
import { uniqueSpans } from '../core/unique-options.ts'
import { isTraceContext } from '../core/trace-context.ts'
import { lineOf, timelineOf } from '../store/codec.ts'
import {
  fixedColumns,
  movingColumns,
  selectedNames,
  taskOf,
  type Kind,
  type Value,
} from '../store/columns.ts'
import type { Wait } from '../core/wait.ts'
import type { NumberedStep } from '../store/store.ts'
import type { TaskImage } from '../store/transfer.ts'

/** Tasks as lines of JSON, for `export` and `import`: everything that is stored about them, under the names of the columns. */

export const heading = { format: 'fermata-tasks', version: 1 } as const

const columns = [...fixedColumns, ...movingColumns]

/** Columns whose text is a JSON document. */
const documents: ReadonlySet<string> = new Set([
  'backoff',
  'tags',
  'unique_key',
  'parent',
  'progress',
  'error',
])

const kinds: Readonly<Record<Kind, z.ZodType>> = {
  text: z.string().nullable(),
  word: z.string().nullable(),
  integer: z.int().nullable(),
  long: z.int().nullable(),
  float: z.number().nullable(),
  flag: z.boolean(),
}

const schema = z.strictObject({
  task: z.strictObject({
    ...Object.fromEntries(
      columns.map(({ name, kind }) => [name, documents.has(name) ? z.unknown() : kinds[kind]]),
    ),
    id: z.string().min(1).max(64),
    type: z.string().min(1),
    status: z.enum(statuses),
    backoff: z.object({ base: z.number(), factor: z.number(), max: z.number(), jitter: z.number() }),
    tags: z.array(z.string()),
    unique_key: z
      .strictObject({
        key: z.string(),
        while: z.enum(uniqueSpans),
        for: z.int().nullable(),
        debounced: z.literal(true).exactOptional(),
      })
      .nullable()
      .optional(),
    version: z.int().min(1),
    created_at: z.int(),
    trace: z.string().refine(isTraceContext).nullable().optional(),
    missing: z.int().min(0).optional(),
    callback: z.string().nullable().optional(),
    sleeps: z.string().nullable().optional(),
    parent_id: z.string().nullable().optional(),
    parent: z
      .strictObject({
        id: z.string(),
        name: z.string(),
        occurrence: z.int().min(1),
        depth: z.int().min(1),
        onEnd: z.enum(parentEnds),
      })
      .nullable()
      .optional(),
    news: z.int().min(0).optional(),
    awaits: z.string().nullable().optional(),
  }),
  parameters: z.unknown(),
  checkpoint: z.unknown().optional(),
  result: z.unknown().optional(),
  timeline: z.array(
    z.looseObject({
      version: z.int(),
      at: z.int(),
      event: z.string(),
      status: z.enum(statuses),
      attempt: z.int(),
      by: z.string(),
    }),
  ),
  steps: z
    .array(
      z.strictObject({
        number: z.int(),
        name: z.string(),
        occurrence: z.int().min(1),
        status: z.enum(['completed', 'failed']),
        attempts: z.int(),
        startedAt: z.number(),
        finishedAt: z.number(),
        error: z.looseObject({ code: z.string(), name: z.string(), message: z.string() }).nullable(),
        result: z.unknown().optional(),
      }),
    )
    .optional(),
  waits: z
    .array(
      z.strictObject({
        name: z.string(),
        occurrence: z.int().min(1),
        status: z.enum(['early', 'open', 'answered', 'timed_out']),
        tokenHash: z.string().nullable(),
        question: z.unknown().optional(),
        createdAt: z.number(),
        timeout: z.number().nullable(),
        expiresAt: z.number().nullable(),
        answeredAt: z.number().nullable(),
        answeredBy: z.string().nullable(),
        answer: z.unknown().optional(),
      }),
    )
    .optional(),
  log: z.array(z.strictObject({ number: z.int(), at: z.int(), attempt: z.int(), text: z.string() })),
  after: z
    .array(
      z.strictObject({
        predecessor: z.string(),
        onFailure: z.enum([...failurePolicies, ...parentPolicies]),
      }),
    )
    .optional(),
})

/** Documents are copied as text. A task without a checkpoint or result has no such member. */
export function lineOfImage({
  task,
  parameters,
  checkpoint,
  result,
  timeline,
  steps,
  waits,
  log,
  after,
}: TaskImage): string {
  const values = columns.map(({ name, of }) => {
    const value = of(task)
    return [name, documents.has(name) && value !== null ? (JSON.parse(value as string) as unknown) : value]
  })
  const members = [
    `"task":${JSON.stringify(Object.fromEntries(values))}`,
    `"parameters":${parameters}`,
    ...(checkpoint === null ? [] : [`"checkpoint":${checkpoint}`]),
    ...(result === null ? [] : [`"result":${result}`]),
    `"timeline":${JSON.stringify(timelineOf(timeline))}`,
    ...(steps.length === 0 ? [] : [`"steps":[${steps.map(lineOfStep).join(',')}]`]),
    ...(waits.length === 0 ? [] : [`"waits":[${waits.map(lineOfWait).join(',')}]`]),
    `"log":${JSON.stringify(log)}`,
    ...(after.length === 0 ? [] : [`"after":${JSON.stringify(after)}`]),
  ]
  return `{${members.join(',')}}`
}

/** Its result is copied as text. */
function lineOfStep({ result, ...step }: NumberedStep): string {
  return `${JSON.stringify(step).slice(0, -1)}${result === null ? '' : `,"result":${result}`}}`
}

/** Its texts are copied as they are. */
function lineOfWait({ question, answer, ...wait }: Wait): string {
  const texts = Object.entries({ question, answer }).filter(([, text]) => text !== null)
  return `${JSON.stringify(wait).slice(0, -1)}${texts.map(([name, text]) => `,"${name}":${text}`).join('')}}`
}

/** Throws with the path of what is wrong. */
export function imageOfLine(line: string): TaskImage {
  const parsed = schema.safeParse(JSON.parse(line))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Error(`${issue?.path.join('.')}: ${issue?.message}`)
  }
  const {
    task,
    timeline,
    steps = [],
    waits = [],
    log,
    parameters,
    checkpoint,
    result,
    after = [],
  } = parsed.data
  const row = selectedNames.map((name): Value => {
    const value = (task as Record<string, unknown>)[name] ?? (name === 'news' ? 0 : null)
    return documents.has(name) && value !== null ? JSON.stringify(value) : (value as Value)
  })
  const textOf = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  return {
    rowId: 0,
    task: taskOf(row, { text: (stored) => stored, flag: (stored) => stored === true }),
    timeline: timeline.map((entry) => lineOf(entry as never)).join(','),
    parameters: textOf(parameters) ?? 'null',
    checkpoint: textOf(checkpoint),
    result: textOf(result),
    steps: steps.map((step) => ({
      ...step,
      error: step.error as ErrorRecord | null,
      result: textOf(step.result),
    })),
    waits: waits.map((wait) => ({
      ...wait,
      question: textOf(wait.question),
      answer: textOf(wait.answer),
    })),
    log,
    after,
    isAwaited: false,
  }
}
