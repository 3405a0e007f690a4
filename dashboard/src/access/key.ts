/** The key of this tab. It is sent as a header only, and forgotten with the tab. */

const place = 'fermata-key'

export function storedKey(): string | undefined {
  return sessionStorage.getItem(place) ?? undefined
}

export function storeKey(key: string | undefined): void {
  if (key === undefined) sessionStorage.removeItem(place)
  else sessionStorage.setItem(place, key)
}
