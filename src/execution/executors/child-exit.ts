import type { ChildProcess } from 'node:child_process'
import { isShortage } from './shortage.ts'

/** `shortage`: it never ran, for want of room on the machine. */
export type ChildExit = Readonly<{ how: string; shortage: boolean }>

/** Resolves, with words for it, when the process has ended or could not be started at all; never rejects. */
export function childExit(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
      resolve({ how, shortage: false })
    })
    child.on('error', (error) => {
      if (child.pid !== undefined) return
      resolve({ how: `could not be started (${error.message})`, shortage: isShortage(error) })
    })
  })
}
