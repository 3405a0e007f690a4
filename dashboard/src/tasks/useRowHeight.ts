import { useMediaQuery } from '@mantine/hooks'

/** Pixels of a row: one line where there is room for it, two on a phone. Agrees with `TaskRow.module.css`. */
export function useRowHeight(): number {
  const isWide = useMediaQuery('(min-width: 760px)', true, { getInitialValueInEffect: false })
  return isWide ? 46 : 74
}
