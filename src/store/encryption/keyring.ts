import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomFillSync,
  type KeyObject,
} from 'node:crypto'
import type { EncryptionKeys } from '../../core/encryption-keys.ts'
import type { TaskId } from '../../core/task.ts'

/** What is encrypted. With the id of its task, it is the place of a text: elsewhere, the text does not decrypt. */
export type Kind =
  | 'parameters'
  | 'checkpoint'
  | 'result'
  | 'step'
  | 'wait'
  | 'log'
  | 'error'
  | 'progress'
  | 'webhook'
  | 'callback'

/**
 * `enc:1:KEY:BASE64URL`: a nonce, the encrypted text and its tag. No JSON document begins like this. Texts of handlers might, so
 * what does not have the whole form is taken as it is.
 */
const form = /^enc:1:([A-Za-z0-9_-]{1,32}):([A-Za-z0-9_-]+)$/
const mark = 'enc:1:'
const nonceLength = 12
/** Text is UTF-8, or UTF-16 if it has half a character, which UTF-8 cannot keep. A byte in front says which. */
const encodings = ['utf8', 'utf16le'] as const
const encodingBytes = encodings.map((_, index) => Buffer.of(index))
const tagLength = 16
/** Nonces are taken from random bytes that are fetched together. */
const pooled = 1_024 * nonceLength

export function isSealed(text: string): boolean {
  return text.startsWith(mark)
}

/** The id of the key of an encrypted text. */
export function keyOf(text: string): string | undefined {
  return isSealed(text) ? text.slice(mark.length, text.indexOf(':', mark.length)) : undefined
}

/** Why a text cannot be decrypted, as a clause. */
export class Unopened extends Error {
  readonly key: string

  constructor(kind: Kind, key: string, isKnown: boolean) {
    const [what, are] = kind === 'parameters' ? ['its parameters', 'are'] : [`its ${kind}`, 'is']
    super(
      isKnown
        ? `${what} cannot be decrypted with the key "${key}": what is stored was changed, or belongs to another task`
        : `${what} ${are} encrypted with the key "${key}", which FERMATA_ENCRYPTION_KEYS of this node does not have`,
    )
    this.key = key
  }
}

type Key = Readonly<{ id: string; cipher: KeyObject; hash: KeyObject }>

/** Encrypts and decrypts texts of tasks (AES-256-GCM). */
export class Keyring {
  readonly #keys: ReadonlyMap<string, Key>
  readonly #first: Key | undefined
  readonly #nonces = Buffer.alloc(pooled)
  #used = pooled

  constructor({ encrypts, keys }: EncryptionKeys) {
    const all = keys.map(({ id, secret }): Key => {
      const bytes = Buffer.from(secret, 'base64')
      const forHashes = Buffer.from(hkdfSync('sha256', bytes, '', 'fermata request hash', 32))
      return { id, cipher: createSecretKey(bytes), hash: createSecretKey(forHashes) }
    })
    this.#keys = new Map(all.map((key) => [key.id, key]))
    this.#first = encrypts ? all[0] : undefined
  }

  get encrypts(): boolean {
    return this.#first !== undefined
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()]
  }

  /** With the first key; the same text if nothing is encrypted. */
  seal(text: string, task: TaskId, kind: Kind): string {
    const key = this.#first
    if (key === undefined) return text
    const nonce = this.#nonce()
    const cipher = createCipheriv('aes-256-gcm', key.cipher, nonce)
    cipher.setAAD(placeOf(task, kind))
    const encoding = text.isWellFormed() ? 0 : 1
    const first = cipher.update(encodingBytes[encoding]!)
    const rest = cipher.update(text, encodings[encoding])
    const sealed = [nonce, first, rest, cipher.final(), cipher.getAuthTag()]
    return `${mark}${key.id}:${Buffer.concat(sealed).toString('base64url')}`
  }

  /** A text that is not encrypted is returned as it is. Throws `Unopened`. */
  open(text: string, task: TaskId, kind: Kind): string {
    if (!isSealed(text)) return text
    const [, id, body] = form.exec(text) ?? []
    if (id === undefined || body === undefined) return text
    const key = this.#keys.get(id)
    if (key === undefined) throw new Unopened(kind, id, false)
    const bytes = Buffer.from(body, 'base64url')
    if (bytes.length < nonceLength + 1 + tagLength) throw new Unopened(kind, id, true)
    const end = bytes.length - tagLength
    const decipher = createDecipheriv('aes-256-gcm', key.cipher, bytes.subarray(0, nonceLength))
    decipher.setAAD(placeOf(task, kind))
    decipher.setAuthTag(bytes.subarray(end))
    try {
      const opened = Buffer.concat([decipher.update(bytes.subarray(nonceLength, end)), decipher.final()])
      return opened.toString(encodings[opened[0]!], 1)
    } catch {
      throw new Unopened(kind, id, true)
    }
  }

  /** How many bytes a text of this length has once the first key has encrypted it. */
  sealedLength(length: number): number {
    return this.#headLength + Math.ceil(((length + nonceLength + 1 + tagLength) * 4) / 3)
  }

  /** The opposite. */
  openedLength(length: number): number {
    return Math.max(0, Math.floor(((length - this.#headLength) * 3) / 4) - nonceLength - 1 - tagLength)
  }

  get #headLength(): number {
    return mark.length + (this.#first?.id.length ?? 0) + 1
  }

  /** The hash of a request as it is stored: without the key, guessed parameters cannot be compared with it. A stored one stays. */
  hash(hash: string): string {
    return this.#first === undefined || hashForm.test(hash) ? hash : hashWith(this.#first, hash)
  }

  /** The same under the key of a stored hash; undefined without that key. */
  hashLike(stored: string, hash: string): string | undefined {
    const [, id] = hashForm.exec(stored) ?? []
    if (id === undefined) return hash
    const key = this.#keys.get(id)
    return key === undefined ? undefined : hashWith(key, hash)
  }

  /** The fingerprint of a failure as it is stored: without the key, guessed messages cannot be compared with it. */
  mark(fingerprint: string): string {
    if (this.#first === undefined) return fingerprint
    return createHmac('sha256', this.#first.hash)
      .update(`fingerprint ${fingerprint}`)
      .digest('hex')
      .slice(0, 16)
  }

  #nonce(): Buffer {
    if (this.#used === pooled) {
      randomFillSync(this.#nonces)
      this.#used = 0
    }
    // A copy: the pool is filled again while ciphers may still use it.
    const nonce = Buffer.from(this.#nonces.subarray(this.#used, this.#used + nonceLength))
    this.#used += nonceLength
    return nonce
  }
}

const hashForm = /^enc:([A-Za-z0-9_-]{1,32}):/

function hashWith({ id, hash: key }: Key, hash: string): string {
  return `enc:${id}:${createHmac('sha256', key).update(hash).digest('base64url')}`
}

function placeOf(task: TaskId, kind: Kind): Buffer {
  return Buffer.from(`${kind}\n${task}`)
}
