import { Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'
import { ErrorState } from './ErrorState.tsx'

/** A read of the server, as queries describe it. */
type Read<Data> = Readonly<{ data: Data | undefined; error: unknown; refetch: () => unknown }>

type Props<Data> = Readonly<{
  of: Read<Data>
  /** Height of the placeholder, in pixels. */
  height?: number
  children: (data: Data) => ReactNode
}>

/** What was read; before, a placeholder, and why it cannot be read. Data stays visible when a later read fails. */
export function Loaded<Data>({ of: { data, error, refetch }, height = 240, children }: Props<Data>) {
  if (data !== undefined) return children(data)
  if (error === null) return <Skeleton height={height} radius="md" />
  return <ErrorState error={error} retry={() => void refetch()} />
}
