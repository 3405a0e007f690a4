/**
 * What the code of one task is at, from its claim to its end:
 *
 * - `running`: the handler works, or is on its way to a pause point;
 * - `parking`: suspended; its settlement as paused is under way;
 * - `parked`: paused in the store, suspended in memory; the only phase without a slot;
 * - `stopping`: the signal is aborted and the code has not stopped yet;
 * - `killing`: the grace is over; its fence rises, then the code is ended by force;
 * - `fenced-off`: the store does not wait for this code any more, but it still runs;
 * - `ended`: the code has stopped.
 */
export type Phase = 'running' | 'parking' | 'parked' | 'stopping' | 'killing' | 'fenced-off' | 'ended'

export function holdsSlot(phase: Phase): boolean {
  return phase !== 'parked' && phase !== 'ended'
}
