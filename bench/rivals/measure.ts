import { rows } from './rows.ts'
import { systems } from './systems.ts'

/** One row of one system, in a process of its own: prints the figures as JSON. */
const [system = '', row = '', folder = '', redisPort = '', postgres = ''] = process.argv.slice(2)
const open = await systems[system]!.open()
const opened = await open({ folder, redisPort: Number(redisPort), postgres })
const figures = await rows[row]!.measure(opened)
process.stdout.write(`\nfigures ${JSON.stringify(figures)}\n`)
// Some of them take long to stop, or never do.
process.exit(0)
