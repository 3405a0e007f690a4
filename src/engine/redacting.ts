import type { Caller } from '../core/caller.ts'
import type { Searched } from '../core/filter.ts'
import { everything, mask, masked, redacted, Secrets, type Sensitive } from '../core/redaction.ts'
import type { Json, Task, TaskId, TimelineEntry } from '../core/task.ts'
import type { Delivery } from '../core/webhook.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Registry } from '../registry/registry.ts'
import type { StepPage, TaskRecord } from '../store/store.ts'

/**
 * Only a key with the scope `admin` shows sensitive values. Without keys nobody is known to be an administrator, so nobody sees
 * them.
 */
export function seesSensitive({ id, scopes }: Caller): boolean {
  return id !== null && scopes.includes('admin')
}

/**
 * The record as others see it. In texts, sensitive values were hidden when they were recorded; those from before the type
 * declared them are hidden here.
 */
export function shownRecord<T extends TaskRecord>(record: T, registry: Registry): T {
  const sensitive = sensitiveIn(registry, record.task.type)
  if (sensitive === null) return record
  const { task, parameters, checkpoint, result, timeline } = record
  const secrets = secretsOf(record, sensitive)
  const shown = (json: Json | null, part: 'checkpoint' | 'result') =>
    // A handler may repeat a sensitive parameter in its result.
    json === null ? null : JSON.stringify(secrets.hideIn(masked(JSON.parse(json), sensitive[part])))
  return {
    ...record,
    task: shownTask(task, secrets),
    // Omitted parameters are null.
    parameters: parameters === 'null' ? parameters : redacted(parameters, sensitive.parameters),
    checkpoint: shown(checkpoint, 'checkpoint'),
    result: shown(result, 'result'),
    timeline: timeline.map((entry) => shownEntry(entry, secrets)),
  }
}

/** Steps of this task, as others see them. */
export function shownSteps(page: StepPage, record: TaskRecord, registry: Registry): StepPage {
  const sensitive = sensitiveIn(registry, record.task.type)
  if (sensitive === null) return page
  const secrets = secretsOf(record, sensitive)
  for (const { result } of page.steps)
    if (result !== null && sensitive.steps.length > 0) secrets.add(JSON.parse(result), sensitive.steps)
  const steps = page.steps.map(({ result, error, ...step }) => ({
    ...step,
    result:
      result === null ? null : JSON.stringify(secrets.hideIn(masked(JSON.parse(result), sensitive.steps))),
    error: error === null ? null : secrets.hideInError(error),
  }))
  return { ...page, steps }
}

/** An answer to a wait of this task, as others see it. */
export async function shownAnswer(
  answer: Json,
  { id, type }: Pick<Task, 'id' | 'type'>,
  registry: Registry,
  read: (id: TaskId) => Promise<TaskRecord | null>,
): Promise<Json> {
  const sensitive = sensitiveIn(registry, type)
  if (sensitive === null) return answer
  const record = sensitive === everything ? null : await read(id)
  if (record === null) return JSON.stringify(masked(JSON.parse(answer), [[]]))
  const secrets = secretsOf(record, sensitive)
  return JSON.stringify(secrets.hideIn(masked(JSON.parse(answer), sensitive.answers)))
}

/** What is hidden in texts about the task; undefined if its type declares nothing. */
export function secretsIn(record: TaskRecord, registry: Registry): Secrets | undefined {
  const sensitive = sensitiveIn(registry, record.task.type)
  return sensitive === null ? undefined : secretsOf(record, sensitive)
}

export function shownEvent(event: TaskEvent, secrets: Secrets): TaskEvent {
  switch (event.kind) {
    case 'transition':
      return { ...event, task: shownTask(event.task, secrets), entry: shownEntry(event.entry, secrets) }
    case 'progress':
      return { ...event, progress: shownProgress(event.progress, secrets) }
    case 'log':
      return { ...event, message: secrets.hide(event.message) }
  }
}

/** Sensitive values are not found by anybody: an answer to a search would tell whether a guess is right. */
export function searchedIn(registry: Registry): Searched {
  return (task, parameters) => {
    const sensitive = sensitiveIn(registry, task.type)
    return { task, parameters: sensitive === null ? parameters : redacted(parameters, sensitive.parameters) }
  }
}

/** The parameters of tasks of this type, as others see them. */
export function shownParameters(registry: Registry, type: string, parameters: Json): Json {
  const sensitive = sensitiveIn(registry, type)
  return sensitive === null ? parameters : redacted(parameters, sensitive.parameters)
}

/**
 * The data of a delivery as others see it: in the message of an error, what is sensitive was hidden when it was recorded, or is
 * hidden here.
 */
export async function shownDelivery(
  { data: text, taskId }: Pick<Delivery, 'data' | 'taskId'>,
  registry: Registry,
  read: (id: TaskId) => Promise<TaskRecord | null>,
): Promise<Json> {
  if (taskId === null) return text
  const data = JSON.parse(text) as Readonly<{ task_type: string; error?: Readonly<{ message: string }> }>
  const { error } = data
  const sensitive = error === undefined ? null : sensitiveIn(registry, data.task_type)
  if (error === undefined || sensitive === null) return text
  const record = sensitive === everything ? null : await read(taskId)
  const message = record === null ? mask : secretsOf(record, sensitive).hide(error.message)
  return JSON.stringify({ ...data, error: { ...error, message } })
}

function sensitiveIn(registry: Registry, type: string): Sensitive | null {
  const known = registry.find(type)
  return known === undefined ? everything : known.sensitive
}

function secretsOf({ parameters, checkpoint, result }: TaskRecord, sensitive: Sensitive): Secrets {
  const secrets = new Secrets()
  const add = (json: Json | null, part: keyof Sensitive) => {
    if (json !== null && sensitive[part].length > 0) secrets.add(JSON.parse(json), sensitive[part])
  }
  add(parameters, 'parameters')
  add(checkpoint, 'checkpoint')
  add(result, 'result')
  return secrets
}

function shownTask(task: Task, secrets: Secrets): Task {
  const { error, progress } = task
  if (error === null && progress?.message === undefined) return task
  return {
    ...task,
    error: error === null ? null : secrets.hideInError(error),
    progress: progress === null ? null : shownProgress(progress, secrets),
  }
}

function shownProgress<P extends Readonly<{ message?: string }>>(progress: P, secrets: Secrets): P {
  return progress.message === undefined ? progress : { ...progress, message: secrets.hide(progress.message) }
}

function shownEntry(entry: TimelineEntry, secrets: Secrets): TimelineEntry {
  return entry.error === undefined ? entry : { ...entry, error: secrets.hideInError(entry.error) }
}
