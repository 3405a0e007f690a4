/**
 * The relative URL from a page to the root of the server. Only the path after a proxy's prefix is known here, and that is
 * all it takes: `./` from `/tasks`, `../` from `/tasks/ID`.
 */
export function rootFrom(url: string): string {
  const [path = ''] = url.split(/[?#]/, 1)
  const depth = path.split('/').length - 2
  return depth <= 0 ? './' : '../'.repeat(depth)
}
