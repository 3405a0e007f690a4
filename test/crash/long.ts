import { seedOf } from '../support/chance.ts'
import { crashRounds } from './rounds.ts'

/** `npm run test:crash [-- rounds [seed]]`: many more rounds than in the gate. */
const [rounds = '200', seed = seedOf('CRASH_SEED', { long: true })] = process.argv.slice(2)
console.log(`${rounds} rounds with the seed ${seed}`)
console.log(await crashRounds(Number(rounds), Number(seed), console.log))
