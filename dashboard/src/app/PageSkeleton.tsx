import { Skeleton, Stack } from '@mantine/core'

/** A placeholder while the code of a page loads. */
export function PageSkeleton() {
  return (
    <Stack gap="lg" aria-hidden="true">
      <Skeleton height={32} width={220} />
      <Skeleton height={96} />
      <Skeleton height={320} />
    </Stack>
  )
}
