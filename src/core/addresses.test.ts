import { describe, expect, test } from 'vitest'
import { mayReach, parseRanges, urlFault, type Ranges } from './addresses.ts'

/** Hosts in URLs that lead to private places, in every form that programs accept. */
const privateHosts = [
  // Loopback, and ways to write it.
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '0x7f.0x0.0x0.0x1',
  '127.0.0.1.',
  '%31%32%37.0.0.1',
  '１２７.０.０.１',
  '①②⑦.0.0.1',
  '127。0。0。1',
  // This host and this network.
  '0.0.0.0',
  '0',
  '0.1.2.3',
  // Private networks.
  '10.0.0.1',
  '10.255.255.255',
  '0xa000001',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.1.1',
  '3232235777',
  // Link-local, with the metadata of clouds.
  '169.254.169.254',
  '169.254.0.1',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  // Carrier-grade NAT, with the metadata of another cloud.
  '100.64.0.1',
  '100.100.100.200',
  '100.127.255.255',
  // Protocol assignments, documentation, benchmarks.
  '192.0.0.1',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '192.88.99.1',
  // Multicast, reserved, broadcast.
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  // IPv6.
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[fe80::1]',
  '[febf::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd00::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '[ff0e::1]',
  '[100::1]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[5f00::1]',
  // IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo.
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:10.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[::ffff:100.64.0.1]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::a00:1]',
  '[::ffff:0:127.0.0.1]',
  '[::ffff:0:7f00:1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::10.0.0.1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b::192.168.0.1]',
  '[64:ff9b:1::10.0.0.1]',
  '[64:ff9b:1:ffff::a00:1]',
  '[2002:7f00:1::]',
  '[2002:a00:1::1]',
  '[2002:c0a8:101::1]',
  '[2001:0:7f00:1::1]',
  '[2001::1]',
  '[2001:10::1]',
  '[2001:20::1]',
  '[2001:2::1]',
  '[::5efe:127.0.0.1]',
  '[fe80::5efe:10.0.0.1]',
  '[4000::1]',
  '[8000::1]',
  '[e000::1]',
]

const publicHosts = [
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '223.255.255.255',
  '[2606:4700:4700::1111]',
  '[2a00:1450:4001:82a::200e]',
  '[::ffff:8.8.8.8]',
  '[64:ff9b::8.8.8.8]',
]

describe('an address', () => {
  test(`in one of ${privateHosts.length} private forms is refused`, () => {
    expect(privateHosts.length).toBeGreaterThan(60)
    const passed = privateHosts.filter((host) => urlFault(`http://${host}/hook`, []) === undefined)
    expect(passed).toEqual([])
  })

  test.each(publicHosts)('%s is public', (host) => {
    expect(urlFault(`https://${host}/hook`, [])).toBeUndefined()
  })

  test('is allowed if a range lists it, also in its form within IPv6', () => {
    const allowed = ranges('127.0.0.0/8, fd00::/8,10.1.2.3')
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', 'fd12::1', '10.1.2.3']) {
      expect([address, mayReach(address, allowed)]).toEqual([address, true])
    }
    for (const address of ['10.1.2.4', '::1', 'fe80::1', '64:ff9b::7f00:1']) {
      expect([address, mayReach(address, allowed)]).toEqual([address, false])
    }
    expect(mayReach('10.9.9.9', ranges('0.0.0.0/0'))).toBe(true)
  })

  test('with a zone is judged without it, and what is no address is refused', () => {
    expect(mayReach('fe80::1%eth0', [])).toBe(false)
    expect(['', 'example.com', '1.2.3', '1.2.3.4.5'].map((text) => mayReach(text, []))).toEqual(
      Array(4).fill(false),
    )
  })
})

describe('a URL', () => {
  test.each([
    ['ftp://example.com/', 'must be an http or https URL'],
    ['file:///etc/passwd', 'must be an http or https URL'],
    ['example.com', 'must be an http or https URL'],
    ['https://', 'must be an http or https URL'],
    ['https://user:secret@example.com/', 'must have no user name and password'],
    [`https://example.com/${'x'.repeat(2_048)}`, 'must have at most 2048 characters'],
    ['http://169.254.169.254/latest', '169.254.169.254 is not one, unless FERMATA_WEBHOOK_ALLOW lists it'],
  ])('%s is refused', (url, why) => {
    expect(urlFault(url, [])).toContain(why)
  })

  test('with a name is judged when it is connected to', () => {
    expect(urlFault('http://localhost:8080/', [])).toBeUndefined()
  })
})

test('ranges that are none are refused by name', () => {
  for (const text of [
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '127.1',
    '010.0.0.1',
    '10.0.0.0/x',
  ]) {
    expect(parseRanges(`::1,${text}`)).toBe(`${JSON.stringify(text)} is not an address or a range`)
  }
  expect(parseRanges(' ')).toEqual([])
})

function ranges(text: string): Ranges {
  const parsed = parseRanges(text)
  return typeof parsed === 'string' ? expect.unreachable(parsed) : parsed
}
