#!/usr/bin/env node
// `npx fermata` in this repository. npx puts the right Node first, where npm has one for this machine.
import '../../bin/fermata.js'
