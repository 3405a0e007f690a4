import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Connection } from './connection.ts'
import { monotonicNow, ValidUntil, type LeaseRenewerData, type LeaseRenewerMessage } from './lease-renewer.ts'
import { statementsFor } from './statements.ts'
import { encodeText } from './text.ts'

/**
 * The thread of the lease renewer. The lease is counted from when the last successful renewal was sent, by a monotonic
 * clock: at worst, the node believes it has ended while the database still grants it, never the other way round.
 */
const { servers, schema, node, lease, file, memory, endsProcess } = workerData as LeaseRenewerData

/** How long before the end handlers are told to stop. */
const margin = lease / 5
const renewEvery = lease / 3
const tryAgainAfter = Math.min(500, lease / 20)
const tick = Math.min(250, lease / 40)
/** Turns in which the main thread may respond. Turns, not time: a frozen process gets them too. */
const patience = Math.floor((margin * 0.8) / tick)

const connection = new Connection(servers, `fermata ${schema} lease renewal`, { answerWithin: lease / 4 })
const { renew } = statementsFor(schema)
const validUntil = new ValidUntil({ file, lease }, memory)
let endangered = false
let unheard: number | undefined

function say(kind: LeaseRenewerMessage['kind']): void {
  unheard = 0
  parentPort?.postMessage({ kind } satisfies LeaseRenewerMessage)
}

parentPort?.on('message', () => {
  unheard = undefined
})

setInterval(() => {
  if (!endangered && monotonicNow() >= validUntil.time - margin) {
    endangered = true
    say('endangered')
  }
  if (unheard === undefined) return
  unheard += 1
  if (unheard > patience) {
    unheard = undefined
    if (!endsProcess) {
      parentPort?.postMessage({ kind: 'unheard' } satisfies LeaseRenewerMessage)
      return
    }
    // Streams of a thread go through the main thread.
    writeSync(2, 'fermata: the lease is lost and the main thread does not respond: the process ends\n')
    process.kill(process.pid, 'SIGKILL')
  }
}, tick)

for (;;) {
  const sent = monotonicNow()
  const renewed = await tryRenewal()
  if (renewed === true) {
    validUntil.time = sent + lease
    if (endangered) say('safe')
    endangered = false
  }
  if (renewed === false) break
  await new Promise((resolve) => {
    setTimeout(resolve, renewed === undefined ? tryAgainAfter : renewEvery)
  })
}
// Handlers are stopped as at the end of any lease, and the main thread must respond to that.
endangered = true
say('over')
await connection.close()

/** Undefined if the database did not respond. */
async function tryRenewal(): Promise<boolean | undefined> {
  try {
    const session = await connection.session()
    return (await session.alone(renew, [encodeText(node), null, lease])).length > 0
  } catch {
    return undefined
  }
}
