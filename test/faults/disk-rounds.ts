import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditTasks } from '../chaos/audit.ts'
import { look } from '../chaos/calls.ts'
import { finish, retryPoisoned } from '../chaos/checks.ts'
import { checkAlone, checkResumes, monotonic, readRuns } from '../chaos/journal.ts'
import { Client } from '../chaos/load.ts'
import { auditFile } from '../crash/audit.ts'
import { Witness, type Shown, type Witnessed } from '../crash/witness.ts'
import { narrowLimit } from '../fixtures/chaos.ts'
import { Chance } from '../support/chance.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { CuttableDisk, type FileSystem } from './cuttable-disk.ts'
import { DiskTrouble, type Trouble } from './disk-trouble.ts'
import { Facts } from './facts.ts'

const types = join(import.meta.dirname, '..', 'fixtures', 'chaos.ts')
const clientCount = 8
const slots = 16
/** Open tasks that are not paused, beyond which the clients submit nothing. */
const enough = 200
/** Ended tasks that are looked at again after each cut; at the end all are. */
const sample = 100

/** What was acknowledged, shown or promised, and held after the power was back. */
export type Checked = Readonly<{
  submits: number
  controls: number
  ends: number
  checkpoints: number
  events: number
}>

/** A server on a disk that fails, or whose power is cut, under load, again and again, and all that it told its clients. */
export class DiskRounds implements AsyncDisposable {
  readonly #chance: Chance
  readonly #disk: CuttableDisk
  readonly #trouble: DiskTrouble
  readonly #witness = new Witness()
  readonly #outside = mkdtempSync(join(tmpdir(), 'fermata-outside-'))
  readonly #facts = new Facts(this.#journal)
  readonly #clients: readonly Client[]
  readonly #ended = new Map<number, number>()
  #server: TestServer | undefined
  #url: string | undefined
  /** Ends the load of the current round. */
  #over = new AbortController()
  /** Milliseconds from the start of each server on what a cut had left to its first answer. */
  readonly starts: number[] = []
  /** Milliseconds from the end of each trouble to more acknowledged submits. */
  readonly recoveries: number[] = []
  /** Pages that failed flushes had not written when the power was cut. */
  dropped = 0

  constructor(fileSystem: FileSystem, seed: number) {
    this.#chance = new Chance(seed)
    this.#disk = new CuttableDisk(fileSystem)
    this.#trouble = new DiskTrouble(this.#disk.directory)
    // A signal that ends this process must not leave the server behind.
    process.on('exit', this.#endServer)
    this.#clients = Array.from(
      { length: clientCount },
      (_, index) =>
        new Client({
          witness: this.#witness,
          chance: new Chance(seed * 31 + index),
          name: `${seed}-${index}`,
          somewhere: () => this.#url,
          full: () => this.#witness.open().filter(({ told }) => told !== 'paused').length > enough,
        }),
    )
  }

  get checked(): Checked {
    return {
      submits: this.#witness.tasks.size,
      controls: this.#clients.reduce((sum, { controls }) => sum + controls, 0),
      ends: this.#witness.ended().length,
      checkpoints: this.#facts.checkpoints,
      events: this.#facts.events,
    }
  }

  /**
   * Load, perhaps some trouble of the disk that passes, a cut of the power, and a start on what it left. Answers each fact that
   * is not there any more.
   */
  async round(trouble: Trouble = 'none'): Promise<string[]> {
    const server = (this.#server ??= await this.#start())
    const over = (this.#over = new AbortController())
    const working = Promise.all(this.#clients.map((client) => client.work(over.signal)))
    const listening = this.#facts.listen(server.url)
    await Promise.race([working, this.#more()])
    if (trouble !== 'none') {
      this.#trouble.set(trouble)
      if (trouble === 'lies') await Promise.race([working, this.#more()])
      else await Promise.race([working, this.#passing(server.url)])
    }
    await Promise.race([working, sleep(this.#chance.between(0, 100))])
    this.#cut(server)
    await this.#kill()
    over.abort()
    await Promise.all([working, listening])
    this.#restore()
    return this.#inspect()
  }

  /** A cut that falls into a start, and so into the recovery from the cut before. */
  async stillborn(): Promise<string[]> {
    await this.#kill()
    const server = await TestServer.launch({ directory: this.#disk.directory, env: this.#env() })
    this.#server = server
    await sleep(this.#chance.between(100, 900))
    this.#cut(server)
    await this.#kill()
    this.#restore()
    return this.#inspect()
  }

  /** Everything ends; then all of it is audited from outside and in its file. */
  async finish(): Promise<void> {
    const { url } = (this.#server ??= await this.#start())
    const somewhere = () => url
    for (const client of this.#clients) await client.settle()
    await retryPoisoned(this.#witness, somewhere)
    await finish(this.#witness, somewhere)
    await auditTasks([...this.#witness.tasks.keys()], [url], narrowLimit)
    await this.#stop()
    this.#audit()
    const runs = readRuns(this.#journal)
    checkAlone(runs, { ended: this.#ended, frozen: [], outages: [], lease: 0 })
    checkResumes(runs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    process.off('exit', this.#endServer)
    await this.#kill()
    this.#trouble[Symbol.dispose]()
    this.#disk[Symbol.dispose]()
    rmSync(this.#outside, { recursive: true, force: true })
  }

  readonly #endServer = () => this.#server?.signal('SIGKILL')

  get #journal(): string {
    return join(this.#outside, 'journal')
  }

  /** Some more submits and controls are acknowledged. */
  async #more(): Promise<void> {
    const { submits, controls } = this.checked
    const [moreSubmits, moreControls] = [this.#chance.between(5, 60), this.#chance.between(1, 10)]
    await until(
      'more is acknowledged',
      () => this.checked.submits >= submits + moreSubmits && this.checked.controls >= controls + moreControls,
    )
  }

  /** A trouble that ends; the server recovers on its own. */
  async #passing(url: string): Promise<void> {
    await sleep(this.#chance.between(100, 800))
    this.#trouble.set('none')
    const began = performance.now()
    await until('it is ready', async () => (await fetch(`${url}/readyz`)).status === 200)
    await this.#more()
    this.recoveries.push(performance.now() - began)
  }

  /**
   * All that runs stops with the power. A process that lived on would hear of flushes that were under way at this moment: the
   * kernel reports some of them as done although it has dropped them.
   */
  #cut(server: TestServer): void {
    server.signal('SIGSTOP')
    this.#disk.cut()
  }

  #restore(): void {
    this.#disk.restore()
    this.dropped += this.#trouble.drop()
  }

  /** A server that does not come back has lost everything. */
  async #inspect(): Promise<string[]> {
    this.#trouble.set('none')
    const lost: string[] = []
    try {
      this.#audit()
      this.#server = await this.#start()
    } catch (error) {
      return [String(error)]
    }
    const { url } = this.#server
    const tasks = [...this.#witness.open(), ...this.#some(this.#witness.ended())]
    for (let at = 0; at < tasks.length; at += 16) {
      await Promise.all(
        tasks.slice(at, at + 16).map(async (task) => {
          const shown = await shownBy(url, task.id)
          try {
            this.#witness.check(task, shown, true)
            this.#witness.resolve(task)
          } catch (error) {
            lost.push((error as Error).message)
          }
        }),
      )
    }
    lost.push(...(await this.#facts.check(url)))
    return lost
  }

  /** Of a copy, so that the server is the first to open what was left. */
  #audit(): void {
    const copy = join(this.#outside, 'copy.db')
    const name = join(this.#disk.directory, 'fermata.db')
    for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
    for (const suffix of ['', '-wal'])
      if (existsSync(name + suffix)) copyFileSync(name + suffix, copy + suffix)
    using db = new DatabaseSync(copy)
    auditFile(db)
  }

  #some(tasks: readonly Witnessed[]): Witnessed[] {
    if (tasks.length <= sample) return [...tasks]
    return Array.from({ length: sample }, () => this.#chance.of(tasks)!)
  }

  async #start(): Promise<TestServer> {
    const began = performance.now()
    const server = await TestServer.start({
      directory: this.#disk.directory,
      env: this.#env(),
    })
    this.starts.push(performance.now() - began)
    this.#server = server
    this.#url = server.url
    return server
  }

  #env(): Readonly<Record<string, string>> {
    return {
      ...this.#trouble.env,
      FERMATA_TASKS: types,
      FERMATA_MAX_CONCURRENT: String(slots),
      CHAOS_JOURNAL: this.#journal,
    }
  }

  #kill(): Promise<void> {
    return this.#stop('SIGKILL')
  }

  async #stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.#url = undefined
    if (server === undefined) return
    await server.stop(signal)
    this.#ended.set(server.pid, monotonic())
  }
}

/** A server that has just started may take its time on a busy machine, but it shows every task. */
async function shownBy(url: string, id: string): Promise<Shown | undefined> {
  const found = await until(`the task ${id} is shown`, async () => {
    const shown = await look(url, id)
    return shown === 'away' ? undefined : { shown }
  })
  return found.shown
}
