import type { FailureGroup, FailuresQuery } from '../../client/index.ts'
import { age, count, errorText } from '../format.ts'
import type { Action } from '../perform.ts'
import { Table, type Column } from '../terminal/table.ts'

type Options = Readonly<{
  type?: string[]
  tag?: string
  createdBy?: string
  span?: NonNullable<FailuresQuery['span']>
  limit?: number
}>

export const failures: Action = async (session, command) => {
  const { type, tag, createdBy, span, limit } = command.opts<Options>()
  const found = await session.client.listFailures({
    ...(type === undefined ? {} : { type }),
    ...(tag === undefined ? {} : { tag }),
    ...(createdBy === undefined ? {} : { created_by: createdBy }),
    ...(span === undefined ? {} : { span }),
    ...(limit === undefined ? {} : { limit }),
  })
  const groups = found.failures
  if (session.json) for (const group of groups) await session.printJson(group)
  else if (session.quiet) for (const { fingerprint } of groups) await session.out.print(fingerprint)
  else if (groups.length > 0) {
    const table = new Table(session.out, columns(Date.now()), groups)
    await session.out.print(table.head)
    for (const group of groups) await session.out.print(table.line(group))
  }
  if (groups.length === 0) await session.remark('No failed tasks.')
  if (found.limited) await session.remark('There are more failures than were counted.')
}

function columns(now: number): readonly Column<FailureGroup>[] {
  return [
    { title: 'FINGERPRINT', text: ({ fingerprint }) => fingerprint },
    { title: 'TASKS', text: (group) => count(group.count), side: 'right' },
    { title: 'LAST', text: ({ last_failed_at: at }) => age(at, now), side: 'right' },
    { title: 'FIRST', text: ({ first_failed_at: at }) => age(at, now), side: 'right', yields: 2 },
    { title: 'TYPES', text: ({ types }) => types.map(({ type }) => type).join(', '), least: 8, yields: 1 },
    { title: 'ERROR', text: ({ code, message }) => errorText({ code, message: message ?? '' }), least: 16 },
  ]
}
