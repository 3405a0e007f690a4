import type { ChildTask, Status, TaskFamily } from '../../client/index.ts'
import { count } from '../format.ts'
import { looks, statuses } from '../looks.ts'
import type { Action } from '../perform.ts'
import type { Session } from '../session.ts'
import { safe } from '../terminal/text.ts'

type Options = Readonly<{ depth: number; limit: number }>

/** A task and the part of its descendants that is shown. */
type Node = Readonly<{
  task: Readonly<{ task_id: string; task_type: string; status: Status; name?: string; occurrence?: number }>
  children: readonly Node[]
  /** Children by status, with those that are not shown. */
  by_status: Readonly<Partial<Record<Status, number>>>
  total: number
}>

export const tree: Action = async (session, command) => {
  const [given = ''] = command.args
  const { depth, limit } = command.opts<Options>()
  const { task_id, task_type, status } = await session.client.getTaskStatus(given)
  const root = await nodeOf(session, { task_id, task_type, status }, { depth, limit })
  if (session.json) return session.printJson(root).then(() => undefined)
  await print(session, root, '', '')
  return undefined
}

async function nodeOf(session: Session, task: Node['task'], { depth, limit }: Options): Promise<Node> {
  const { children }: TaskFamily = await session.client.getTaskFamily(task.task_id, { limit })
  const nodes: Node[] = []
  if (depth > 0)
    for (const child of children.tasks) nodes.push(await childOf(session, child, { depth, limit }))
  return { task, children: nodes, by_status: children.by_status, total: children.total }
}

function childOf(
  session: Session,
  { task_id, task_type, status, name, occurrence }: ChildTask,
  { depth, limit }: Options,
): Promise<Node> {
  return nodeOf(session, { task_id, task_type, status, name, occurrence }, { depth: depth - 1, limit })
}

async function print(session: Session, node: Node, mark: string, indent: string): Promise<void> {
  const { out } = session
  const { task, children, total } = node
  const { symbol, style } = looks[task.status]
  const { name = task.task_type, occurrence = 1 } = task
  const title = occurrence === 1 ? name : `${name} (${occurrence})`
  const of = name === task.task_type ? '' : `  ${task.task_type}`
  await out.print(
    safe`${mark}${out.paint(style, `${symbol} ${task.status}`)}  ${title}${of}  ${out.paint('dim', task.task_id)}`,
  )
  const hidden = total - children.length
  for (const [index, child] of children.entries()) {
    const isLast = index === children.length - 1 && hidden === 0
    await print(session, child, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`)
  }
  if (hidden > 0)
    await out.print(safe`${indent}└─ ${children.length === 0 ? '' : 'and '}${hiddenWords(node, hidden)}`)
}

/** What the children that are not shown are, as far as it is known. */
function hiddenWords({ children, by_status: all }: Node, hidden: number): string {
  const shown = Map.groupBy(children, ({ task }) => task.status)
  const words = statuses.flatMap((status) => {
    const left = (all[status] ?? 0) - (shown.get(status)?.length ?? 0)
    return left > 0 ? [`${count(left)} ${status}`] : []
  })
  const more = children.length === 0 ? (hidden === 1 ? 'child' : 'children') : 'more'
  return `${count(hidden)} ${more}: ${words.join(', ')}`
}
