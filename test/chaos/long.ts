import { seedOf } from '../support/chance.ts'
import { chaos } from './rounds.ts'

/** `npm run test:chaos [-- seconds [seed]]`: much longer than in the gate. */
const [seconds = '600', seed = seedOf('CHAOS_SEED', { long: true })] = process.argv.slice(2)
console.log(`${seconds} seconds with the seed ${seed}`)
console.log(await chaos(Number(seconds), Number(seed), console.log))
