import { Skeleton, Stack } from '@mantine/core'

/** Stands where a page will be, for the moment that its code takes. */
export function PageSkeleton() {
  return (
    <Stack gap="lg" aria-hidden="true">
      <Skeleton height={32} width={220} />
      <Skeleton height={96} />
      <Skeleton height={320} />
    </Stack>
  )
}
