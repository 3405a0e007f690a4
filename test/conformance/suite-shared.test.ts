import { stores } from './stores.ts'
import { suite } from './suite.ts'

for (const kind of stores.filter(({ shared }) => shared)) suite(kind)
