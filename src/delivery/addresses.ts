import ipaddr from 'ipaddr.js'

/** Which addresses webhooks may reach, so that nobody uses them to call what only this machine or its network can reach. */

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Stands for all public addresses in a list of ranges. */
export const publicRange = 'public'

/** All public IPv6 addresses are in here; whatever else there is has a purpose of its own. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

export class AllowedAddresses {
  readonly #allowsPublic: boolean
  readonly #ranges: readonly [Address, number][]

  /** `public`, addresses and ranges like `10.0.0.0/8`. Throws `RangeError` for anything else. */
  constructor(allowed: readonly string[]) {
    this.#allowsPublic = allowed.includes(publicRange)
    this.#ranges = allowed.filter((one) => one !== publicRange).map(rangeOf)
  }

  /** An address in any form. What is not an address is not allowed. */
  has(text: string): boolean {
    const address = addressOf(text)
    if (address === undefined) return false
    return (this.#allowsPublic && isPublic(address)) || this.#ranges.some((range) => isWithin(address, range))
  }
}

/** Addresses that only stand for an IPv4 address are that one. Undefined for anything else. */
function addressOf(text: string): Address | undefined {
  // With a zone, it is an address of this machine's network.
  if (text.includes('%') || !ipaddr.isValid(text)) return undefined
  return ipaddr.process(text)
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  return address instanceof ipaddr.IPv4 || address.match(globalUnicast)
}

function isWithin(address: Address, [from, bits]: [Address, number]): boolean {
  return address.kind() === from.kind() && address.match(from, bits)
}

function rangeOf(text: string): [Address, number] {
  const [address = '', bits, ...more] = text.split('/')
  const parsed = addressOf(address)
  const most = parsed?.kind() === 'ipv4' ? 32 : 128
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (parsed === undefined || more.length > 0 || !(length <= most))
    throw new RangeError(`${text} is not a range of addresses, like 10.0.0.0/8`)
  return [parsed, length]
}
