/** The selection: some rows by id, or all matching tasks, loaded or not. */
export type Selection = Readonly<{ ids: ReadonlySet<string>; isAll: boolean }>

export const nothing: Selection = { ids: new Set(), isAll: false }

export function isEmpty({ ids, isAll }: Selection): boolean {
  return !isAll && ids.size === 0
}

export function isChosen({ ids, isAll }: Selection, id: string): boolean {
  return isAll || ids.has(id)
}

/** Deselecting a row while all are selected leaves the other loaded rows selected. */
export function toggled(selection: Selection, id: string, loaded: readonly string[]): Selection {
  const ids = new Set(selection.isAll ? loaded : selection.ids)
  if (!ids.delete(id)) ids.add(id)
  return { ids, isAll: false }
}

/** From the last selected row to this one. */
export function extended(
  selection: Selection,
  from: number,
  to: number,
  loaded: readonly string[],
): Selection {
  const range = loaded.slice(Math.min(from, to), Math.max(from, to) + 1)
  return { ids: new Set([...selection.ids, ...range]), isAll: false }
}
