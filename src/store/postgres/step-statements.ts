import { stepColumns, stepNames } from '../step-rows.ts'

const types = stepColumns.map(({ type }, index) => `$${index + 3}::${type}[]`).join(', ')
const replaced = stepColumns
  .filter(({ name }) => name !== 'name' && name !== 'occurrence')
  .map(({ name }) => `${name} = excluded.${name}`)
  .join(', ')

export function stepStatements(s: string) {
  return {
    /** Numbered by place among the new ones of its task; those that are completed there stay. The tasks are locked. */
    putSteps: `insert into ${s}.steps as s (row_id, number, ${stepNames})
      select u.row_id, coalesce((select max(m.number) from ${s}.steps m where m.row_id = u.row_id), 0)
          + sum(case when exists (select 1 from ${s}.steps e
              where e.row_id = u.row_id and e.name = u.name and e.occurrence = u.occurrence) then 0 else 1 end)
            over (partition by u.row_id order by u.place),
        ${stepColumns.map(({ name }) => `u.${name}`).join(', ')}
      from unnest($1::bigint[], $2::int[], ${types}) as u(row_id, place, ${stepNames})
      on conflict (row_id, name, occurrence) do update set ${replaced} where s.status <> 'completed'`,
    dropSteps: `delete from ${s}.steps where row_id = any($1::bigint[])`,
    /** With the last number of the task: the first, and others until their results have $4 bytes. */
    steps: `select number, ${stepNames}, last from (
        select p.*, coalesce(sum(octet_length(body)) over (order by number rows between unbounded preceding and 1 preceding), 0) as size,
          min(number) over () as first
        from (
          select s.*, (select max(m.number) from ${s}.steps m where m.row_id = t.row_id) as last
          from ${s}.tasks t join ${s}.steps s on s.row_id = t.row_id
          where t.id = $1 and s.number > $2::int order by s.number limit $3::int
        ) as p
      ) as q where number = first or size < $4::bigint order by number`,
    stepsOf: `select row_id, number, ${stepNames} from ${s}.steps where row_id = any($1::bigint[]) order by row_id, number`,
    addSteps: `insert into ${s}.steps (row_id, number, ${stepNames}) select * from unnest($1::bigint[], $2::int[], ${types})`,
  } as const
}
