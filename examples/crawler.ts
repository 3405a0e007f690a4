import { defineTask } from 'fermata-tasks'
import { z } from 'zod'

/** One page: a child of the crawler. Its links are those to the same host. */
export const page = defineTask({
  type: 'crawler-page',
  description: 'Read a page and return its title and its links.',
  attempts: 3,
  backoff: '1s',
  timeout: '30s',
  concurrency: 8,
  parameters: z.object({ url: z.url() }),
  example: { url: 'https://example.com/' },
  async run({ url }, task) {
    const answer = await fetch(url, { signal: task.signal })
    if (!answer.ok) throw new Error(`${url} answered with ${answer.status}`)
    const text = await answer.text()
    const links = text.matchAll(/<a\s[^>]*href="([^"#]+)/gi).flatMap(([, link = '']) => {
      const target = URL.parse(link, url)
      return target?.host === new URL(url).host ? [target.href] : []
    })
    return { title: /<title>([^<]*)/i.exec(text)?.[1] ?? '', links: [...new Set(links)] }
  },
})

/**
 * Fans out and in, level by level: it starts a child for each page that it has not seen, and waits for them without holding a slot. A restart
 * finds the children again, with what they have returned.
 */
export const crawler = defineTask({
  type: 'crawler',
  description: 'Follow the links of a site from one page on, and report its titles and broken pages.',
  attempts: 3,
  parameters: z.object({
    start: z.url(),
    depth: z.int().min(0).max(10).default(2).describe('Links to follow from the first page'),
    most: z.int().min(1).max(1_000).default(100).describe('Maximum pages'),
  }),
  example: { start: 'https://example.com/', depth: 1, most: 100 },
  async run({ start, depth, most }, task) {
    const first = new URL(start).href
    const seen = new Set([first])
    const titles: Record<string, string> = {}
    const broken: Record<string, string> = {}
    let level = [first]
    for (let links = 0; links <= depth && level.length > 0; links++) {
      const list = level.map((url) => ({ url }))
      const children = await task.spawnAll(page, list, { name: `level ${links}` })
      const ended = await task.settled(children)
      const next: string[] = []
      for (const [index, one] of ended.entries()) {
        const url = level[index]!
        if (one.status === 'completed') titles[url] = one.result.title
        else broken[url] = one.status === 'failed' ? one.error.message : 'cancelled'
        for (const link of one.status === 'completed' ? one.result.links : []) {
          if (seen.has(link) || seen.size >= most) continue
          seen.add(link)
          next.push(link)
        }
      }
      task.progress(Object.keys(titles).length, seen.size)
      level = next
    }
    return { titles, broken }
  },
})
