/** Which rows are chosen: some by their ids, or all that match the filters, seen or not. */
export type Selection = Readonly<{ ids: ReadonlySet<string>; isAll: boolean }>

export const nothing: Selection = { ids: new Set(), isAll: false }

export function isEmpty({ ids, isAll }: Selection): boolean {
  return !isAll && ids.size === 0
}

export function isChosen({ ids, isAll }: Selection, id: string): boolean {
  return isAll || ids.has(id)
}

/** A row that is taken out of all that match leaves the other rows that are loaded. */
export function toggled(selection: Selection, id: string, loaded: readonly string[]): Selection {
  const ids = new Set(selection.isAll ? loaded : selection.ids)
  if (!ids.delete(id)) ids.add(id)
  return { ids, isAll: false }
}

/** From the row that was chosen last to this one. */
export function extended(
  selection: Selection,
  from: number,
  to: number,
  loaded: readonly string[],
): Selection {
  const range = loaded.slice(Math.min(from, to), Math.max(from, to) + 1)
  return { ids: new Set([...selection.ids, ...range]), isAll: false }
}
