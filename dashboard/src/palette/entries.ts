import type { IconName } from '../kit/icons.ts'
import { say } from '../language/say.ts'

export const groups = ['task', 'goTo', 'recent', 'views', 'types', 'tags', 'actions'] as const

/** Something that the palette can do. */
export type Entry = Readonly<{
  key: string
  group: (typeof groups)[number]
  name: string
  /** Shown next to the name, and searched too. */
  hint?: string
  icon: IconName
  run: () => void
}>

/** Entries of a group that are shown at most. */
const mostOfGroup = 8

/**
 * The entries that contain every word of the query, by group; in a group, those whose name begins with the query come first,
 * then those of which a word does.
 */
export function matching(entries: readonly Entry[], query: string): Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const ranked = entries
    .map((entry) => ({ entry, rank: rankOf(entry, words) }))
    .filter(({ rank }) => rank !== null)
    .toSorted((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
    .map(({ entry }) => entry)
  return groups.flatMap((group) => ranked.filter((entry) => entry.group === group).slice(0, mostOfGroup))
}

/** Less is better; null: it does not match. */
function rankOf({ name, hint = '', group }: Entry, words: readonly string[]): number | null {
  const title = name.toLowerCase()
  const text = `${title} ${hint.toLowerCase()} ${say.palette.groups[group].toLowerCase()}`
  if (!words.every((word) => text.includes(word))) return null
  const [first] = words
  if (first === undefined || title.startsWith(first)) return 0
  return title.split(/[\s:._-]+/).some((part) => part.startsWith(first)) ? 1 : 2
}

/** The digits of an id, or of its visible end, if the query may be one: at least six, as the server requires. */
export function idIn(query: string): string | null {
  const text = query.trim().replace(/^(?:\.\.\.|…)/, '')
  return /^[\da-f-]{6,36}$/i.test(text) && text.replaceAll('-', '').length >= 6 ? text.toLowerCase() : null
}
