import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Builds `dist`, the contents of the published package: compiled modules, the web page and the assets of the other pages. */
const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
run('tsc', '-p', 'tsconfig.build.json')
run('vite', 'build', 'dashboard', '--logLevel', 'warn')
cpSync(join(root, 'dashboard', 'dist'), join(dist, 'dashboard'), { recursive: true })

const redoc = dirname(createRequire(import.meta.url).resolve('redoc/package.json'))
const assets = join(dist, 'http', 'assets')
mkdirSync(assets, { recursive: true })
cpSync(join(redoc, 'bundles', 'redoc.standalone.js'), join(assets, 'redoc.standalone.js'))
chmodSync(join(dist, 'main.js'), 0o755)

function run(program: string, ...args: readonly string[]): void {
  const windows = process.platform === 'win32'
  const path = join(root, 'node_modules', '.bin', windows ? `${program}.cmd` : program)
  const { status } = spawnSync(path, args, { cwd: root, stdio: 'inherit', shell: windows })
  if (status !== 0) process.exit(1)
}
