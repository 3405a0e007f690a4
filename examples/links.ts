import { defineTask } from 'fermata-tasks'
import { z } from 'zod'

type Checked = { url: string; ok: boolean; status?: number; error?: string }

/** Mostly waits for others, so it runs inline; at most two at once, so that no server is flooded. */
export const links = defineTask({
  type: 'links',
  description: 'Check a list of URLs one by one.',
  concurrency: 2,
  attempts: 3,
  parameters: z.object({
    urls: z
      .array(z.url({ protocol: /^https?$/ }))
      .min(1)
      .max(1_000)
      .describe('URLs to check'),
    timeout: z.number().positive().max(60).default(5).describe('Timeout per URL in seconds'),
  }),
  example: { urls: ['http://localhost:8000/healthz', 'http://localhost:8000/nowhere'] },
  state: z.object({ checked: z.array(z.object({ url: z.string(), ok: z.boolean() }).loose()) }),
  async run({ urls, timeout }, task) {
    const checked = [...(task.state?.checked ?? [])] as Checked[]
    for (const url of urls.slice(checked.length)) {
      task.progress(checked.length, urls.length, url)
      checked.push(await check(url, AbortSignal.any([task.signal, AbortSignal.timeout(timeout * 1_000)])))
      await task.checkpoint({ checked })
    }
    task.progress(urls.length, urls.length)
    return { ok: checked.filter(({ ok }) => ok).length, broken: checked.filter(({ ok }) => !ok) }
  },
})

async function check(url: string, signal: AbortSignal): Promise<Checked> {
  try {
    const answer = await fetch(url, { method: 'HEAD', redirect: 'follow', signal })
    return { url, ok: answer.ok, status: answer.status }
  } catch (error) {
    return { url, ok: false, error: error instanceof Error ? error.message : String(error) }
  }
}
