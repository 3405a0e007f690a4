#!/usr/bin/env node
// The program: from `src` in a clone, without a build, and from `dist` in the package. Only syntax that old versions of Node
// understand, so that they can say what is missing.
import { existsSync, readFileSync } from 'node:fs'

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const needed = engines.node.replace('>=', '')
const [major, minor] = process.versions.node.split('.').map(Number)
const [neededMajor, neededMinor] = needed.split('.').map(Number)

if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  process.stderr.write(
    `fermata: Node.js ${needed} or newer is needed, and this is ${process.versions.node} (${process.execPath}): install a newer one and try again.\n`,
  )
  process.exitCode = 1
} else {
  const source = new URL('../src/main.ts', import.meta.url)
  await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href)
}
