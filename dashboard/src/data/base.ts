/**
 * Path of the page without a slash at its end: empty, or the prefix of a proxy. Read once, from an address that the server
 * wrote relative to where the page was opened; later the browser would resolve it from wherever the page has moved to.
 */
export const base: string = prefix()

function prefix(): string {
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  return icon === null ? '' : new URL('.', icon.href).pathname.replace(/\/$/, '')
}
