import ipaddr from 'ipaddr.js'
import { longestUrl } from './webhook.ts'

/** Which addresses webhooks may reach: public ones, and those that the operator allows. */

type Address = ReturnType<typeof ipaddr.parse>

/** Ranges beyond the public ones. */
export type Ranges = readonly (readonly [Address, number])[]

/** Comma-separated ranges and addresses, like `10.0.0.0/8, ::1`. Returns why the text is none, as a clause, if it is none. */
export function parseRanges(text: string): Ranges | string {
  const ranges: [Address, number][] = []
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue
    const [address = '', ...more] = part.split('/')
    if (!isAddress(address) || more.length > 1) return `${JSON.stringify(part)} is not an address or a range`
    const parsed = ipaddr.parse(address)
    const most = parsed.kind() === 'ipv4' ? 32 : 128
    const bits = more.length === 0 ? most : /^\d{1,3}$/.test(more[0]!) ? Number(more[0]) : most + 1
    if (bits > most) return `${JSON.stringify(part)} is not an address or a range`
    ranges.push([parsed, bits])
  }
  return ranges
}

/** Whether a connection to this IP address is allowed. */
export function mayReach(text: string, allowed: Ranges): boolean {
  const [plain = ''] = text.replace(/^\[|\]$/g, '').split('%')
  if (!isAddress(plain)) return false
  // An IPv4 address in IPv6 form is judged as the IPv4 address that it reaches.
  const address = ipaddr.process(plain)
  return allowed.some((range) => isWithin(address, range)) || isPublic(address)
}

/** Other forms of addresses, like 010.1 or 127.1, mean different things to different programs. */
function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)
}

function isWithin(address: Address, [range, bits]: Ranges[number]): boolean {
  return (
    address.kind() === range.kind() &&
    (address as ipaddr.IPv6).match([range as ipaddr.IPv6, bits] as [ipaddr.IPv6, number])
  )
}

function isPublic(address: Address): boolean {
  if (address.kind() === 'ipv4') return address.range() === 'unicast'
  const { parts } = address as ipaddr.IPv6
  const range = address.range()
  // A gateway (NAT64) reaches the IPv4 address at the end.
  if (range === 'rfc6052') return isPublic(new ipaddr.IPv4(address.toByteArray().slice(12)))
  // Only this block is given to networks; whatever the library does not know outside of it is not public.
  return range === 'unicast' && parts[0]! >> 13 === 1
}

/**
 * Why events cannot be sent to this URL, as a clause; undefined if they can. What its name resolves to is checked when it is
 * connected to.
 */
export function urlFault(text: string, allowed: Ranges): string | undefined {
  if (text.length > longestUrl) return `must have at most ${longestUrl} characters`
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'must be an http or https URL'
  }
  if (url.username !== '' || url.password !== '') {
    return 'must have no user name and password: receivers verify signatures'
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isAddress(host) && !mayReach(host, allowed)) {
    return `must have a public address; ${host} is not one, unless FERMATA_WEBHOOK_ALLOW lists it`
  }
  return undefined
}
