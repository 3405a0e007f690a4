import { seedOf } from '../support/chance.ts'
import { killExamples } from './examples.ts'

/** `npm run test:examples [-- runs [seed]]`: many more runs of each example than in the gate. */
const [runs = '500', seed = seedOf('CRASH_SEED', { long: true })] = process.argv.slice(2)
console.log(`${runs} runs of each example with the seed ${seed}`)
console.table(await killExamples(Number(runs), Number(seed), console.log))
