import type { Status, TaskFilter } from '../../client/index.ts'

export type FilterOptions = Readonly<{
  status?: Status[]
  type?: string[]
  tag?: string
  createdBy?: string
  parent?: string
  fingerprint?: string
  tookMin?: number
  tookMax?: number
  search?: string
  after?: number
  before?: number
}>

export function filterOf({
  status,
  type,
  tag,
  createdBy,
  parent,
  fingerprint,
  tookMin,
  tookMax,
  search,
  after,
  before,
}: FilterOptions): Omit<TaskFilter, 'status' | 'type'> & Readonly<{ status?: Status[]; type?: string[] }> {
  return {
    ...(status === undefined ? {} : { status }),
    ...(type === undefined ? {} : { type }),
    ...(tag === undefined ? {} : { tag }),
    ...(createdBy === undefined ? {} : { created_by: createdBy }),
    ...(parent === undefined ? {} : { parent }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(tookMin === undefined ? {} : { took_min: tookMin }),
    ...(tookMax === undefined ? {} : { took_max: tookMax }),
    ...(search === undefined ? {} : { q: search }),
    ...(after === undefined ? {} : { created_after: after }),
    ...(before === undefined ? {} : { created_before: before }),
  }
}
