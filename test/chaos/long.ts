import { chaos } from './rounds.ts'

/** `npm run test:chaos [-- seconds [seed]]`: much longer than the gate has time for. */
const [seconds = '600', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
console.log(`${seconds} seconds with the seed ${seed}`)
console.log(await chaos(Number(seconds), Number(seed), console.log))
