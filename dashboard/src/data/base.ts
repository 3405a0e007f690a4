/**
 * Path of the page without a trailing slash: empty, or the prefix of a proxy. Read once, from a URL that the server wrote
 * relative to the first page; after navigation, the browser would resolve it differently.
 */
export const base: string = prefix()

function prefix(): string {
  // Unit tests have no page.
  if (typeof document === 'undefined') return ''
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  return icon === null ? '' : new URL('.', icon.href).pathname.replace(/\/$/, '')
}
