import { Fermata } from 'fermata-tasks/client'

const client = new Fermata({ url: process.argv[2] })
const handle = await client.submit('add', { a: 2, b: 3 })
const { code } = await client.submit('subtract', {}).catch((error) => error)
console.log(await handle.result(), code)
