import { createInterface } from 'node:readline'

/** Waits for the log line with the address of a server. */
export async function listening(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string }
    if (msg === 'listening') {
      output.resume()
      return url
    }
  }
  throw new Error('the server did not listen')
}
