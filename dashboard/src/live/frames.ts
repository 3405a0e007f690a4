/** Minimum milliseconds between two repaints caused by events. */
const pace = 120

/** Runs `work` soon, at most once per frame and per interval. Stops with the signal. */
export function paced(work: () => void, signal: AbortSignal): () => void {
  let waiting = false
  let last = 0
  return () => {
    if (waiting || signal.aborted) return
    waiting = true
    const left = Math.max(0, last + pace - performance.now())
    setTimeout(() => {
      requestAnimationFrame(() => {
        waiting = false
        last = performance.now()
        if (!signal.aborted) work()
      })
    }, left)
  }
}
