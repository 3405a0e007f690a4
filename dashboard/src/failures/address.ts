/** The list of the tasks with this cause. */
export function groupAddress({ fingerprint }: Readonly<{ fingerprint: string }>): string {
  return `/tasks?cause=${fingerprint}`
}
