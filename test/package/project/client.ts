import { argv } from 'node:process'
import { Fermata, isFermataError, type TaskHandle } from 'fermata-tasks/client'
import type { add } from './library.ts'

const client = new Fermata({ url: argv[2] ?? '' })
const handle: TaskHandle<number> = await client.submit<typeof add>('add', { a: 2, b: 3 })
const code = await client.submit('subtract', {}).catch((error: unknown) => {
  if (isFermataError(error, 'TYPE_UNKNOWN')) return error.code
  throw error
})
console.log(await handle.result(), code)
