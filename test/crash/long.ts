import { crashRounds } from './rounds.ts'

/** `npm run test:crash [-- rounds [seed]]`: many more rounds than the gate has time for. */
const [rounds = '200', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
console.log(`${rounds} rounds with the seed ${seed}`)
console.log(await crashRounds(Number(rounds), Number(seed), console.log))
