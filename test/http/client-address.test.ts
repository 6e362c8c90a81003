import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { clientAddress, parseAddress } from '../../src/http/client-address.ts'

t.test('clientAddress is `unknown` for a connection without an address', async t => {
  t.equal(clientAddress({ ip: '192.0.2.1', raw: new IncomingMessage(new Socket()) }), 'unknown')
})

t.test('parseAddress accepts a port, brackets, a zone and an IPv4-mapped address', async t => {
  const addresses = {
    '192.0.2.1': '192.0.2.1',
    '192.0.2.1:443': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '[::ffff:c000:201]:443': '192.0.2.1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::',
    '[2001:DB8:1:2::9]': '2001:db8:1:2::',
    'fe80::1%eth0': 'fe80::',
    '[fe80::1%eth0]:443': 'fe80::'
  }
  for (const [text, address] of Object.entries(addresses)) t.equal(parseAddress(text), address, text)
  for (const text of ['', 'unknown', '192.0.2', '192.0.2.1:443:1', '[192.0.2.1', '1'.repeat(15_000), '192.0.2.1 x']) t.equal(parseAddress(text), undefined, text.slice(0, 20))
})
