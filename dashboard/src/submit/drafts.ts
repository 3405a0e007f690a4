import type { TypeDetails } from '../../../src/client/index.ts'
import { keyOf, leavesOf, type Entries } from './entries.ts'
import type { OptionEntries } from './options.ts'
import type { Field } from './schema.ts'

/** What is typed into a submit form, as it is kept in this tab while the reader visits other pages. */
export type Draft = Readonly<{ entries: Entries; json: string; isJson: boolean; options: OptionEntries }>

/** A form that is filled in from a task has a draft of its own. */
function placeOf(type: string, from: string | null): string {
  return `fermata-draft ${type}${from === null ? '' : ` ${from}`}`
}

export function readDraft(type: string, from: string | null): Draft | null {
  const text = sessionStorage.getItem(placeOf(type, from))
  return text === null ? null : (JSON.parse(text) as Draft)
}

/** Sensitive values are not kept, nor JSON that may contain them. */
export function writeDraft(
  { type, sensitive }: TypeDetails,
  from: string | null,
  fields: readonly Field[],
  draft: Draft,
): void {
  const secret = new Set(
    leavesOf(fields, draft.entries).flatMap((field) => (field.isSensitive ? [keyOf(field)] : [])),
  )
  const entries = Object.fromEntries(Object.entries(draft.entries).filter(([key]) => !secret.has(key)))
  if (draft.isJson && sensitive.parameters.length > 0) return
  const json = draft.isJson ? draft.json : ''
  try {
    sessionStorage.setItem(placeOf(type, from), JSON.stringify({ ...draft, entries, json }))
  } catch {
    // Too large for the storage of the tab.
  }
}

export function dropDraft(type: string, from: string | null): void {
  sessionStorage.removeItem(placeOf(type, from))
}
