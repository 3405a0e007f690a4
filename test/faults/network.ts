import { run, programAt } from './machine.ts'

/** What of the packets between a node and the database is dropped: all of them, or only those in one direction. */
export const directions = ['both', 'to the database', 'from the database'] as const
export type Direction = (typeof directions)[number]

/** All that exist: a signal that ends this process must not leave one behind. */
const made = new Set<Network>()
process.on('exit', () => {
  for (const network of made) network[Symbol.dispose]()
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

/** A network of this machine and some others, each a namespace of the kernel, whose packets can be dropped. */
export class Network implements Disposable {
  readonly #bridge = `fm${process.pid}`
  /** Set aside for tests of networks. */
  readonly #prefix = `198.18.${process.pid % 256}`
  readonly #count: number

  constructor(count: number) {
    this.#count = count
    made.add(this)
    try {
      run('ip', 'link', 'add', this.#bridge, 'type', 'bridge')
      run('ip', 'address', 'add', `${this.address}/24`, 'dev', this.#bridge)
      run('ip', 'link', 'set', this.#bridge, 'up')
      for (let index = 0; index < count; index++) this.#add(index)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /** Of this machine. */
  get address(): string {
    return `${this.#prefix}.1`
  }

  addressOf(index: number): string {
    return `${this.#prefix}.${index + 10}`
  }

  /** The command that starts a program in one of them. */
  under(index: number): readonly string[] {
    // `ip netns exec` would keep a copy of all mounts too.
    return [programAt('nsenter') ?? 'nsenter', `--net=/run/netns/${this.#nameOf(index)}`]
  }

  /** Nobody is told that these packets are lost. */
  cut(index: number, port: number, direction: Direction): void {
    const drop = (...rule: readonly string[]) => this.#in(index, 'iptables', '-A', ...rule, '-j', 'DROP')
    if (direction !== 'from the database')
      drop('OUTPUT', '-d', this.address, '-p', 'tcp', '--dport', String(port))
    if (direction !== 'to the database')
      drop('INPUT', '-s', this.address, '-p', 'tcp', '--sport', String(port))
  }

  mend(index: number): void {
    this.#in(index, 'iptables', '-F')
  }

  [Symbol.dispose](): void {
    if (!made.delete(this)) return
    for (let index = 0; index < this.#count; index++) {
      quietly('ip', 'link', 'delete', this.#nameOf(index))
      quietly('ip', 'netns', 'delete', this.#nameOf(index))
    }
    quietly('ip', 'link', 'delete', this.#bridge)
  }

  #add(index: number): void {
    const name = this.#nameOf(index)
    run('ip', 'netns', 'add', name)
    run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    run('ip', 'link', 'set', name, 'master', this.#bridge, 'up')
    this.#in(index, 'ip', 'address', 'add', `${this.addressOf(index)}/24`, 'dev', 'eth0')
    for (const device of ['lo', 'eth0']) this.#in(index, 'ip', 'link', 'set', device, 'up')
  }

  #in(index: number, program: string, ...args: readonly string[]): void {
    const [command = '', ...rest] = this.under(index)
    run(command, ...rest, programAt(program) ?? program, ...args)
  }

  #nameOf(index: number): string {
    return `${this.#bridge}-${index}`
  }
}

/** It may be undone already. */
function quietly(...command: readonly [string, ...string[]]): void {
  try {
    run(...command)
  } catch {
    // There is nothing left to undo.
  }
}
