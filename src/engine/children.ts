import {
  childHash,
  childKey,
  childLimits,
  ChildrenTooDeep,
  ChildTaken,
  TooManyChildren,
  type Spawned,
  type SpawnRequest,
} from '../core/child.ts'
import { toErrorRecord } from '../core/error-record.ts'
import { OptionsInvalid, StoreUnavailable } from '../core/errors.ts'
import { type Fence, type Submission, type Task, parentEnds, type ParentEnd } from '../core/task.ts'
import type { Children } from '../execution/services.ts'
import type { Registry } from '../registry/registry.ts'
import { issuesAt, submissionOf } from './submission.ts'
import type { Submitter } from './submitter.ts'
import type { SubmitOptions } from './api.ts'

export type ChildrenOptions = Readonly<{
  registry: Registry
  submitter: Submitter
  /** Reads the types of remote workers again. */
  learn: (type: string) => Promise<void>
  newId: () => string
}>

/** What a run may choose for its children. Their keys are those of their places, and nothing else may stand for them. */
const options = [
  'priority',
  'delay',
  'runAt',
  'expiresIn',
  'timeout',
  'maxAttempts',
  'backoff',
  'tags',
  'after',
  'onFailure',
  'limits',
  'fairnessKey',
  'callbackUrl',
  'traceparent',
  'tracestate',
] as const satisfies readonly (keyof SubmitOptions)[]

const known: ReadonlySet<string> = new Set([...options, 'onParentEnd'])

/** Starts the children of running tasks. */
export function childrenOf({ registry, submitter, learn, newId }: ChildrenOptions): Children {
  return {
    async spawn(parent, fence, request): Promise<Spawned | null> {
      try {
        if (registry.find(request.type) === undefined) await learn(request.type)
        await submitter.mustKnow(request.options)
        const submissions = submissionsFor(registry, parent, fence, request, newId)
        const answer = await submitter.submitChildren(submissions, parent.createdBy)
        if (answer.kind === 'no_parent') return null
        if (answer.kind === 'many_children') throw new TooManyChildren()
        if (answer.kind === 'conflict')
          throw new ChildTaken({ name: request.name, ...request.children[answer.index]! }, answer.id)
        return { kind: 'started', ids: answer.tasks.map(({ task }) => task.id) }
      } catch (error) {
        if (error instanceof StoreUnavailable) throw error
        return { kind: 'refused', error: toErrorRecord(error) }
      }
    },
  }
}

function submissionsFor(
  registry: Registry,
  parent: Task,
  fence: Fence,
  { type: name, name: title, options: given, children }: SpawnRequest,
  newId: () => string,
): Submission[] {
  const type = registry.get(name)
  const depth = (parent.parent?.depth ?? 0) + 1
  if (depth > childLimits.depth) throw new ChildrenTooDeep()
  const { onEnd, ...own } = optionsOf(parent, given)
  return children.map(({ occurrence, parameters }, index) => {
    const place = { id: parent.id, name: title, occurrence }
    const submission = issuesAt(children.length === 1 ? null : index, () =>
      submissionOf(type, JSON.parse(parameters), own, newId()),
    )
    const { unique } = submission
    return {
      ...submission,
      parent: { ...place, depth, onEnd, fence },
      idempotencyKey: childKey(place),
      requestHash: childHash(name),
      // Another task is no child: its end would not be the business of this parent.
      ...(unique?.onConflict === 'return' ? { unique: { ...unique, onConflict: 'reject' as const } } : {}),
    }
  })
}

/** Unless they are given, a child has the priority and the tags of its parent. */
function optionsOf(
  parent: Task,
  given: SpawnRequest['options'],
): SubmitOptions & Readonly<{ onEnd: ParentEnd }> {
  const { onParentEnd = 'cancel', ...own } = given
  const unknown = Object.keys(given).filter((key) => !known.has(key))
  const issues = unknown.map((path) => ({ path, message: 'is no option of a child' }))
  if (!(parentEnds as readonly unknown[]).includes(onParentEnd))
    issues.push({ path: 'onParentEnd', message: `must be one of ${parentEnds.join(', ')}` })
  const { after } = own as SubmitOptions
  if (Array.isArray(after) && after.includes(parent.id))
    issues.push({ path: 'after', message: 'names its parent, which it cannot wait for' })
  if (issues.length > 0) throw new OptionsInvalid(issues)
  return {
    priority: parent.priority,
    tags: parent.tags,
    ...(own as SubmitOptions),
    onEnd: onParentEnd as ParentEnd,
  }
}
