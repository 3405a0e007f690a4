import { useMediaQuery } from '@mantine/hooks'

/** Row height in pixels: one line on wide screens, two on a phone. Must match `TaskRow.module.css`. */
export function useRowHeight(): number {
  const isWide = useMediaQuery('(min-width: 760px)', true, { getInitialValueInEffect: false })
  return isWide ? 46 : 74
}
