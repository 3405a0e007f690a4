import chromium from '@sparticuz/chromium'
import { shared } from './shared.ts'

/** The package unpacks the browser on first use; a second process would meanwhile start what is there of it. */
const unpacked = shared('chromium', async () => {
  await chromium.executablePath()
  return {}
})

export async function setup(): Promise<void> {
  await unpacked.take()
}
