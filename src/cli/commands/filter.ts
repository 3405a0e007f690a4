import type { Status, TaskFilter } from '../../client/index.ts'

export type FilterOptions = Readonly<{
  status?: Status[]
  type?: string[]
  tag?: string
  createdBy?: string
  parent?: string
  fingerprint?: string
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
  search,
  after,
  before,
}: FilterOptions): TaskFilter {
  return {
    ...(status === undefined ? {} : { status }),
    ...(type === undefined ? {} : { type }),
    ...(tag === undefined ? {} : { tag }),
    ...(createdBy === undefined ? {} : { created_by: createdBy }),
    ...(parent === undefined ? {} : { parent }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(search === undefined ? {} : { q: search }),
    ...(after === undefined ? {} : { created_after: after }),
    ...(before === undefined ? {} : { created_before: before }),
  }
}
