#!/usr/bin/env node
// `npx fermata` in this repository: the program as it stands in `src`, without a build. npx puts the right Node first.
import '../../src/main.ts'
