import { defineTask } from 'fermata-tasks'
import { z } from 'zod'

/**
 * Steps and a person: the card is charged once, however often the process dies, a large order waits for somebody without holding a slot, and a
 * refusal gives the money back.
 */
export const order = defineTask({
  type: 'order',
  description: 'Charge a card, ask a person about large orders, and ship the order or refund it.',
  attempts: 5,
  backoff: '2s',
  parameters: z.object({
    item: z.string().min(1),
    total: z.number().positive().describe('In EUR; an order above 1,000 needs approval'),
  }),
  example: { item: 'A grand piano', total: 24_000 },
  async run({ item, total }, task) {
    // A real one would pass `idempotencyKey` on to the bank: then not even a crash in between charges twice.
    const charge = await task.step('charge', ({ idempotencyKey }) => `charge ${idempotencyKey.slice(0, 8)}`, {
      retries: 3,
      timeout: '20s',
    })
    if (total > 1_000) {
      const decision = await task.wait('approval', {
        message: `${item} for ${total} EUR: ship it?`,
        schema: z.object({ approved: z.boolean(), note: z.string().optional() }),
        timeout: '7d',
      })
      if ('timedOut' in decision || !decision.approved) {
        await task.step('refund', () => `refund of ${charge}`)
        task.log(`refunded ${total} EUR`)
        return { shipped: false }
      }
    }
    await task.step('ship', () => `parcel with ${item}`)
    return { shipped: true }
  },
})
