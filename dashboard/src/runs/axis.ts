import type { View } from './lanes.ts'

const steps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
]

/** Round times of the reader's time zone in view, at most about `about`. */
export function ticksOf({ from, to }: View, about: number): number[] {
  const wanted = (to - from) / about
  const day = 86_400
  const step = steps.find((size) => size >= wanted) ?? Math.ceil(wanted / day) * day
  const shift = new Date(from * 1_000).getTimezoneOffset() * 60
  const first = Math.ceil((from - shift) / step) * step + shift
  return Array.from(
    { length: Math.max(0, Math.floor((to - first) / step) + 1) },
    (_, index) => first + index * step,
  )
}
