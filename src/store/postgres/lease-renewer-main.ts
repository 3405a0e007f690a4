import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Connection } from './connection.ts'
import { LeaseRenewal } from './lease-renewal.ts'
import { monotonicNow, ValidUntil, type LeaseRenewerData, type LeaseRenewerMessage } from './lease-renewer.ts'
import { statementsFor } from './statements.ts'
import { encodeText } from './text.ts'

/** The thread of the lease renewer. */
const { servers, schema, node, lease, file, memory, endsProcess } = workerData as LeaseRenewerData

const connection = new Connection(servers, `fermata ${schema} lease renewal`, { answerWithin: lease / 4 })
const { renew } = statementsFor(schema)
const say = (kind: LeaseRenewerMessage['kind']) =>
  parentPort?.postMessage({ kind } satisfies LeaseRenewerMessage)

const renewal = new LeaseRenewal({
  lease,
  clock: {
    monotonic: monotonicNow,
    after(ms, fire) {
      const timer = setTimeout(fire, ms)
      return () => clearTimeout(timer)
    },
  },
  renew: tryRenewal,
  validUntil: new ValidUntil({ file, lease }, memory),
  say,
  unheard() {
    if (!endsProcess) return say('unheard')
    // Streams of a thread go through the main thread.
    writeSync(2, 'fermata: the lease is lost and the main thread does not respond: the process ends\n')
    process.kill(process.pid, 'SIGKILL')
  },
})

parentPort?.on('message', () => renewal.heard())
await renewal.run()
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
