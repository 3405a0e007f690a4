import { waitColumns, waitNames } from '../wait-rows.ts'
import { selectedColumns } from './rows.ts'

const types = waitColumns.map(({ type }, index) => `$${index + 2}::${type}[]`).join(', ')
const replaced = waitColumns
  .filter(({ name }) => name !== 'name' && name !== 'occurrence')
  .map(({ name }) => `${name} = excluded.${name}`)
  .join(', ')
const own = waitColumns.map(({ name }) => `w.${name}`).join(', ')

export function waitStatements(s: string) {
  const withTask = `select w.number, ${own}, ${selectedColumns('t')} from ${s}.waits w join ${s}.tasks t on t.row_id = w.row_id`
  const paged = (where: string, at: number, order: 'newest' | 'oldest') => {
    const [than, direction] = order === 'newest' ? ['<', 'desc'] : ['>', 'asc']
    return `${withTask} where ${where} w.number ${than} $${at}::bigint order by w.number ${direction} limit $${at + 1}::int`
  }
  return {
    /** How many waits the task has, and this one. */
    wait: `select (select count(*) from ${s}.waits c where c.row_id = t.row_id), ${own}
      from ${s}.tasks t left join ${s}.waits w on w.row_id = t.row_id and w.name = $2 and w.occurrence = $3::int where t.id = $1`,
    putWaits: `insert into ${s}.waits (row_id, ${waitNames}) select * from unnest($1::bigint[], ${types})
      on conflict (row_id, name, occurrence) do update set ${replaced}`,
    dropWaits: `delete from ${s}.waits where row_id = any($1::bigint[])`,
    waitByToken: `${withTask} where w.token_hash = $1`,
    waitsOfNewest: paged('t.id = $1 and', 2, 'newest'),
    waitsOfOldest: paged('t.id = $1 and', 2, 'oldest'),
    openNewest: paged(`w.status = 'open' and`, 1, 'newest'),
    openOldest: paged(`w.status = 'open' and`, 1, 'oldest'),
    waitsNewest: paged('', 1, 'newest'),
    waitsOldest: paged('', 1, 'oldest'),
    waitsOfRows: `select row_id, ${waitNames} from ${s}.waits where row_id = any($1::bigint[]) order by row_id, number`,
  } as const
}
