import type { ChildProcess } from 'node:child_process'
import { isShortage } from './shortage.ts'

/** `shortage`: it never ran, because the machine lacked resources. */
export type ChildExit = Readonly<{ how: string; shortage: boolean }>

/** Resolves with a description once the process has ended or could not be started; never rejects. */
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
