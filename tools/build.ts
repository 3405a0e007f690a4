import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Makes `dist`, what the published package holds: compiled modules and the assets that the server hands out. */
const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
const tsc = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'tsc.cmd' : 'tsc')
const compiled = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (compiled.status !== 0) process.exit(1)

const redoc = dirname(createRequire(import.meta.url).resolve('redoc/package.json'))
const assets = join(dist, 'http', 'assets')
mkdirSync(assets, { recursive: true })
cpSync(join(redoc, 'bundles', 'redoc.standalone.js'), join(assets, 'redoc.standalone.js'))
chmodSync(join(dist, 'main.js'), 0o755)
