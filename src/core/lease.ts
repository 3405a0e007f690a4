import type { NodeId } from './task.ts'

/** The node id under which this process currently claims and writes. */
export type Tenant = Readonly<{
  node: NodeId
  /** False while the lease is in danger or lost: nothing may start under it. */
  mayStart: boolean
}>

/** A part of the process that is notified about its lease. */
export type LeaseListener = Readonly<{
  /** The lease is about to end: code must stop, and its outcome is recorded once the store is available again. */
  endangered?(why: string): void
  /** The tasks of the node belong to other nodes: code must stop, and nothing it reports counts. */
  over?(why: string): void
  /** Tasks may be claimed: the lease was renewed in time, or a new one has started. */
  usable?(): void
}>

/**
 * What a node tells its own processes about its lease, through a file that all of them have open. They cannot rely on
 * messages: a frozen node sends none, and its code must stop all the same.
 */
export type LeaseRecord = Readonly<{
  /**
   * When code under the lease must have stopped, in milliseconds of the machine's monotonic clock: well before others may
   * take over.
   */
  stopAt: number
  /** How often that time has passed before the lease was renewed. */
  lapses: number
}>

export const leaseRecordBytes = 16

export function encodeLease({ stopAt, lapses }: LeaseRecord): Uint8Array {
  const view = new DataView(new ArrayBuffer(leaseRecordBytes))
  view.setFloat64(0, stopAt)
  view.setFloat64(8, lapses)
  return new Uint8Array(view.buffer)
}

/** A lease that is not written yet counts as ended. */
export function decodeLease(bytes: Uint8Array): LeaseRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { stopAt: view.getFloat64(0), lapses: view.getFloat64(8) }
}
