import { existsSync, rmSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { count } from '../format.ts'
import { UsageError } from '../exit.ts'
import type { Action } from '../perform.ts'
import { safe } from '../terminal/text.ts'

/** The file has its name only once it is complete and on the disk. */
export const backup: Action = async (session, command) => {
  const [file = ''] = command.args
  const { force = false } = command.opts<{ force?: boolean }>()
  if (!force && existsSync(file))
    throw new UsageError(`${file} exists: choose another name, or replace it with --force`)
  const response = await session.client.createBackup()
  const announced = Number(response.headers.get('content-length'))
  const part = `${file}.part`
  const target = await open(part, 'w', 0o600)
  // Also if it is interrupted.
  const cleanUp = () => rmSync(part, { force: true })
  process.once('exit', cleanUp)
  try {
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      await target.writeFile(chunk)
      bytes += chunk.length
    }
    if (bytes !== announced)
      throw new Error(`the backup ended after ${bytes} of ${announced} bytes: try again`)
    await target.sync()
    await target.close()
    await rename(part, file)
    if (session.json) await session.printJson({ file, bytes })
    else if (session.quiet) await session.out.print(file)
    else await session.out.print(safe`Saved ${count(bytes)} bytes to ${file}.`)
  } finally {
    await target.close().catch(() => undefined)
    await rm(part, { force: true })
    process.off('exit', cleanUp)
  }
}
