import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { filterOf as asked, type FilterOptions } from '../cli/commands/filter.ts'
import { ConfigInvalid, type Config } from '../config.ts'
import { filterOf } from '../contract/caller-filter.ts'
import { matches } from '../core/filter.ts'
import { withoutPassword } from '../core/secrets.ts'
import type { TaskImage } from '../store/transfer.ts'
import { mustExist, progressReport } from './copy.ts'
import { keyringOf, opened } from './keyring.ts'

/** Writes the tasks of a database that match a filter as lines of JSON, decrypted. `-` is standard output. */
export async function runExport(
  config: Pick<Config, 'database' | 'encryptionKeys'>,
  [file = '-']: readonly string[],
  options: FilterOptions & Readonly<{ force?: boolean }>,
): Promise<void> {
  const { database } = config
  const { openTransfer } = await import('../database.ts')
  const { transferAtOnce } = await import('../store/transfer.ts')
  const keys = keyringOf(config)
  const { heading, lineOfImage } = await import('./task-lines.ts')
  await mustExist(database)
  if (file !== '-' && options.force !== true && existsSync(file))
    throw new ConfigInvalid(`${file} exists: choose another name, or replace it with --force.`)
  await using reading = await openTransfer(database, false)
  const output: Writable = file === '-' ? process.stdout : createWriteStream(file, { mode: 0o600 })
  const failed = new Promise<never>((_, reject) => output.once('error', reject))
  failed.catch(() => undefined)
  const write = async (line: string) => {
    if (!output.write(`${line}\n`)) await Promise.race([once(output, 'drain'), failed])
  }
  const filter = filterOf(asked(options))
  const report = progressReport('exported')
  let exported = 0
  await write(JSON.stringify(heading))
  for (let after = 0; ;) {
    const images = await reading.images(after, transferAtOnce)
    if (images.length === 0) break
    const chosen = images
      .map((image) => opened(keys, image))
      .filter(({ task, parameters }) => matches(task, () => parameters, filter))
    for (const image of chosen) await write(lineOfImage(image))
    exported += chosen.length
    report.add(chosen.length)
    after = images.at(-1)!.rowId
  }
  report.end()
  if (file !== '-') {
    output.end()
    await Promise.race([once(output, 'finish'), failed])
  }
  process.stderr.write(`${exported} tasks of ${withoutPassword(database)} exported.\n`)
}

/** Adds the tasks of an export to a database, encrypted if there are keys. Those that are already there are left as they are. `-` is standard input. */
export async function runImport(
  config: Pick<Config, 'database' | 'encryptionKeys'>,
  [file = '-']: readonly string[],
): Promise<void> {
  const { database } = config
  const { sealImage } = await import('../store/encryption/task-codec.ts')
  const keys = keyringOf(config)
  const { openTransfer } = await import('../database.ts')
  const { transferAtOnce } = await import('../store/transfer.ts')
  const { heading, imageOfLine } = await import('./task-lines.ts')
  if (file !== '-' && !existsSync(file)) throw new ConfigInvalid(`There is no file ${file}.`)
  await using writing = await openTransfer(database, false)
  const input = file === '-' ? process.stdin : createReadStream(file)
  const report = progressReport('imported')
  let images: TaskImage[] = []
  let [read, added, number] = [0, 0, 0]
  const flush = async () => {
    const now = await writing.add(images)
    added += now
    report.add(now)
    images = []
  }
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (line.trim() === '') continue
    try {
      if (read === 0) mustBeHeading(line, heading)
      else images.push(sealImage(keys, imageOfLine(line)))
    } catch (error) {
      await flush()
      const said = error instanceof Error ? error.message : String(error)
      throw new ConfigInvalid(
        `Line ${number} of ${file} is not a task of an export: ${said}. ${added} tasks before it were imported; import the corrected file again.`,
      )
    }
    read += 1
    if (images.length === transferAtOnce) await flush()
  }
  await flush()
  report.end()
  const tasks = Math.max(0, read - 1)
  const skipped = tasks - added
  const others =
    skipped === 0
      ? ''
      : ` ${skipped} were skipped: their ids, idempotency keys or unique keys are already there.`
  process.stdout.write(
    `${added} of ${tasks} tasks were imported into ${withoutPassword(database)}.${others}\n`,
  )
}

function mustBeHeading(
  line: string,
  { format, version }: Readonly<{ format: string; version: number }>,
): void {
  const first = JSON.parse(line) as Readonly<Record<string, unknown>>
  if (first['format'] !== format) throw new Error(`the first line must be {"format":"${format}",...}`)
  if (first['version'] !== version)
    throw new Error(
      `version ${String(first['version'])} of the format is unknown; this program knows ${version}`,
    )
}
