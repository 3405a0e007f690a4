/** What a caller may do. `admin` includes all others. */
export const scopes = ['read', 'run', 'control', 'worker', 'admin'] as const
export type Scope = (typeof scopes)[number]

/** Who is asking: a key, or someone without one. */
export type Caller = Readonly<{
  /** The id of its key; null without one. */
  id: string | null
  /** Recorded with every change that it makes. */
  name: string
  scopes: readonly Scope[]
  /** Sees and submits tasks of these types only; null: all. */
  types: readonly string[] | null
  /** Sees and submits tasks with at least one of these tags only; null: all. */
  tags: readonly string[] | null
}>

/** Any caller of a server without keys. */
export const anonymous: Caller = Object.freeze({
  id: null,
  name: 'anonymous',
  scopes,
  types: null,
  tags: null,
})

/** The program in which an embedded engine runs. */
export const library: Caller = Object.freeze({ ...anonymous, name: 'library' })

/** Who makes a change, for what reason, and with which request. */
export type Origin = Readonly<{ caller: Caller; reason?: string; requestId?: string }>

/** The same origin, with its reason if one is given. */
export function withReason(origin: Origin, reason: string | undefined): Origin {
  return reason === undefined ? origin : { ...origin, reason }
}

export const fromLibrary: Origin = Object.freeze({ caller: library })

export const reasonLength = 500
