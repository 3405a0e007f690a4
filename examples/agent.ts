import { defineTask } from 'fermata-tasks'
import { z } from 'zod'

/** What the agent can do next. */
type Action =
  | Readonly<{ tool: 'look_up'; order: string }>
  | Readonly<{ tool: 'send_mail'; to: string; text: string }>
  | Readonly<{ tool: 'finish'; answer: string }>

/** The actions so far, each with its outcome. */
type Turn = Readonly<{ action: Action; outcome: string }>

const mostTurns = 20

/**
 * An agent that survives crashes and asks before it acts. Each decision and each action is a step: what the model has decided, and what was
 * done, is never done again. Actions that cannot be taken back wait for a person, for as long as it takes, without a slot.
 */
export const agent = defineTask({
  type: 'agent',
  description: 'Reach a goal with tools, and ask a person before anything leaves the house.',
  attempts: 5,
  backoff: '2s',
  parameters: z.object({ goal: z.string().min(1) }),
  example: { goal: 'Tell alice@example.com where order 1007 is' },
  async run({ goal }, task) {
    const turns: Turn[] = []
    while (turns.length < mostTurns) {
      const number = turns.length + 1
      const action = await task.step(`decide ${number}`, () => decide(goal, turns), {
        retries: 3,
        timeout: '2m',
      })
      task.progress(number, null, action.tool)
      if (action.tool === 'finish') return { answer: action.answer, turns: turns.length }
      if (action.tool === 'send_mail') {
        const decision = await task.wait(`approve ${number}`, {
          message: `${goal}\n\nMay I send this to ${action.to}?\n\n${action.text}`,
          schema: z.object({ approved: z.boolean(), note: z.string().optional() }),
          timeout: '1d',
        })
        if ('timedOut' in decision || !decision.approved) {
          const why = 'timedOut' in decision ? 'nobody answered' : (decision.note ?? 'no reason given')
          turns.push({ action, outcome: `not approved: ${why}` })
          continue
        }
      }
      const outcome = await task.step(`act ${number}`, ({ idempotencyKey }) => act(action, idempotencyKey))
      turns.push({ action, outcome })
    }
    return { answer: `No answer after ${mostTurns} turns.`, turns: turns.length }
  },
})

/** Decides what to do next. Put the call of your language model here: what it returns is stored, so it need not return it twice. */
function decide(goal: string, turns: readonly Turn[]): Action {
  const order = /order (\d+)/.exec(goal)?.[1]
  const to = /\S+@\S+/.exec(goal)?.[0]
  if (order === undefined || to === undefined)
    return { tool: 'finish', answer: 'Name an order and an address, please.' }
  const last = turns.at(-1)
  if (last === undefined) return { tool: 'look_up', order }
  if (last.action.tool === 'look_up')
    return { tool: 'send_mail', to, text: `Your order ${order} ${last.outcome}.` }
  return { tool: 'finish', answer: `The mail to ${to}: ${last.outcome}.` }
}

/** The tools. Pass the key on to systems that recognize repeated requests: a crash can repeat the action that was under way. */
function act(action: Exclude<Action, { tool: 'finish' }>, idempotencyKey: string): string {
  return action.tool === 'look_up'
    ? 'is at the post office in Lyon'
    : `sent as message ${idempotencyKey.slice(0, 8)}`
}
