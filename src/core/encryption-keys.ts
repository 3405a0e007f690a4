/** A key of AES-256, in base64. The id is stored with everything that it encrypts. */
export type EncryptionKey = Readonly<{ id: string; secret: string }>

/** `encrypts`: the first key encrypts what is written; otherwise it is written as plain text. All keys decrypt. */
export type EncryptionKeys = Readonly<{ encrypts: boolean; keys: readonly EncryptionKey[] }>

export const noEncryption: EncryptionKeys = Object.freeze({ encrypts: false, keys: [] })

/** Written as the first entry: nothing is encrypted. */
const plain = 'plain'

/** 32 bytes in base64, of either alphabet. */
const secretForm = /^[A-Za-z0-9+/_-]{43}=?$/

/** Reads `id:base64,id:base64`, or returns an error message that quotes none of it. */
export function parseEncryptionKeys(text: string): EncryptionKeys | string {
  const entries = text.split(',').map((entry) => entry.trim())
  if (text.trim() === '') return noEncryption
  const encrypts = entries[0] !== plain
  const keys: EncryptionKey[] = []
  for (const [index, entry] of entries.entries()) {
    if (index === 0 && !encrypts) continue
    const place = `entry ${index + 1}`
    const colon = entry.indexOf(':')
    if (colon < 0) return `${place} is not of the form id:key`
    const id = entry.slice(0, colon)
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(id))
      return `the id of ${place} has other characters than letters, digits, "_" and "-", or not 1 to 32 of them`
    if (keys.some((key) => key.id === id)) return `${place} repeats the id of another one`
    const given = entry.slice(colon + 1)
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(given)) return `the key of ${place} is not base64`
    if (!secretForm.test(given)) return `the key of ${place} has not exactly 32 bytes`
    keys.push({ id, secret: given })
  }
  return keys.length === 0 && encrypts ? 'it has no keys' : { encrypts, keys }
}
