import { once } from 'node:events'
import t from 'tap'
import { read, startOnWire, stored, watchHandlers, type Wire } from '../support/wire.ts'

const good = '{"name":"good"}'
const chunked = `f\r\n${good}\r\n0\r\n\r\n`
/** The last request on a connection. Its response shows that the attack left no bytes behind. */
const last = 'GET /health/live HTTP/1.1\r\nHost: articles\r\nConnection: close\r\n\r\n'

/** Builds requests that create an article, with a valid token. */
function writer ({ pool }: Wire) {
  const token = `Authorization: Bearer ${pool.idToken()}`
  const post = (lines: string[], body: string) => [`POST /articles HTTP/1.1\r\nHost: articles\r\n${token}\r\nContent-Type: application/json`, ...lines, '', body].join('\r\n')
  return { token, post, evil: post(['Content-Length: 15'], '{"name":"evil"}') }
}

t.test('a request with ambiguous framing gets 400, and the bytes behind it are not read', async t => {
  const ran = watchHandlers(t)
  const wire = await startOnWire(t)
  const { evil, post } = writer(wire)
  const te = 'Transfer-Encoding: chunked'
  const attacks: Record<string, string> = {
    'CL.TE': post([`Content-Length: ${chunked.length + evil.length}`, te], chunked),
    'TE.CL': post([te, 'Content-Length: 4'], chunked),
    'a zero length and chunks': post(['Content-Length: 0', te], chunked),
    'an unknown coding': post(['Transfer-Encoding: xchunked'], chunked),
    'an unknown coding and a length': post(['Transfer-Encoding: xchunked', 'Content-Length: 15'], good),
    'chunked, but not last': post(['Transfer-Encoding: chunked, identity'], chunked),
    'chunked twice': post([te, te], chunked),
    'chunked, then a second header': post([te, 'Transfer-Encoding: x'], chunked),
    'identity, and a length': post(['Transfer-Encoding: identity', 'Content-Length: 15'], good),
    'chunked in quotes': post(['Transfer-Encoding: "chunked"'], chunked),
    'chunked with a parameter': post(['Transfer-Encoding: chunked;x'], chunked),
    'chunked behind a vertical tab': post(['Transfer-Encoding: \x0bchunked'], chunked),
    'chunked and a NUL': post(['Transfer-Encoding: chunked\0'], chunked),
    'no coding at all': post(['Transfer-Encoding: ', 'Content-Length: 15'], good),
    'a space before the colon': post(['Transfer-Encoding : chunked'], chunked),
    'a folded line': post(['Transfer-Encoding:', ' chunked'], chunked),
    'a header behind a bare LF': post(['X: a\nTransfer-Encoding: chunked'], chunked),
    'a header behind a bare CR': post(['X: a\rTransfer-Encoding: chunked'], chunked),
    'two lengths': post(['Content-Length: 15', 'Content-Length: 16'], good),
    'one length twice': post(['Content-Length: 15', 'Content-Length: 15'], good),
    'a list of lengths': post(['Content-Length: 15, 15'], good),
    'a length with a plus': post(['Content-Length: +15'], good),
    'a negative length': post(['Content-Length: -1'], good),
    'a hexadecimal length': post(['Content-Length: 0xf'], good),
    'a length with a space': post(['Content-Length: 1 5'], good),
    'a length with an exponent': post(['Content-Length: 15e0'], good),
    'a length with a point': post(['Content-Length: 15.0'], good),
    'an empty length': post(['Content-Length: '], good),
    'a length that overflows 64 bits': post(['Content-Length: 18446744073709551631'], good),
    'a space before the colon of a length': post(['Content-Length : 15'], good),
    'bare LFs': post(['Content-Length: 15'], good).replaceAll('\r\n', '\n'),
    'a bare LF in front of the body': post(['Content-Length: 15\n'], good).replace('\n\r\n', '\n'),
    'bare CRs': post(['Content-Length: 15'], good).replaceAll('\r\n', '\r'),
    'a folded header': post(['X: a', ' b', 'Content-Length: 15'], good),
    'a header that begins with a space': post([' X: a', 'Content-Length: 15'], good),
    'a header without a colon': post(['Nonsense', 'Content-Length: 15'], good),
    'a header without a name': post([': x', 'Content-Length: 15'], good),
    'a chunk of negative size': post([te], `-f\r\n${good}\r\n0\r\n\r\n`),
    'a chunk of size 0xf': post([te], `0xf\r\n${good}\r\n0\r\n\r\n`),
    'a chunk size that overflows': post([te], `1000000000000000f\r\n${good}\r\n0\r\n\r\n`),
    'a space after the chunk size': post([te], `f \r\n${good}\r\n0\r\n\r\n`),
    'no chunk size': post([te], `\r\n${good}\r\n0\r\n\r\n`),
    'a chunk size and a bare LF': post([te], `f\n${good}\r\n0\r\n\r\n`),
    'a chunk extension and a bare LF': post([te], `f;a\n${good}\r\n0\r\n\r\n`),
    'a chunk and a bare LF': post([te], `f\r\n${good}\n0\r\n\r\n`),
    'a chunk longer than its size': post([te], `5\r\n${good}\r\n0\r\n\r\n`),
    'no line break after a chunk': post([te], `f\r\n${good}0\r\n\r\n`),
    'no end of the trailers': post([te], `f\r\n${good}\r\n0\r\n`),
    'a bare LF in the trailers': post([te], `f\r\n${good}\r\n0\r\nX: y\n\n`),
    'a length in the trailers': post([te], `f\r\n${good}\r\n0\r\nContent-Length: 500\r\n\r\n`),
    'a coding in the trailers': post([te], `f\r\n${good}\r\n0\r\n${te}\r\n\r\n`),
    "HTTP/2's preface": 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  }
  for (const [name, bytes] of Object.entries(attacks)) {
    const { statuses, codes, text } = await wire.exchange(bytes + evil)
    t.strictSame([statuses, codes], [[400], ['validation_failed']], name)
    t.match(text, /^Connection: close\r$/m, name)
    t.strictSame(ran(), [], `${name}: nothing ran`)
  }
  t.strictSame((await stored(wire.app)).filter(what => what.startsWith('article')), [])
})

t.test('a body is never read as a request', async t => {
  const ran = watchHandlers(t)
  const wire = await startOnWire(t)
  const { evil, post, token } = writer(wire)
  const length = `Content-Length: ${evil.length}`
  const inChunks = `${evil.length.toString(16)}\r\n${evil}\r\n0\r\n\r\n`
  const attacks: [name: string, bytes: string, status: number, handler?: string][] = [
    ['of a GET', `GET /articles HTTP/1.1\r\nHost: a\r\n${token}\r\n${length}\r\n\r\n${evil}`, 200, 'GET /articles'],
    ['of a GET, chunked', `GET /articles HTTP/1.1\r\nHost: a\r\n${token}\r\nTransfer-Encoding: chunked\r\n\r\n${inChunks}`, 200, 'GET /articles'],
    ['of a GET without a token', `GET /articles HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${evil}`, 401],
    ['of a HEAD', `HEAD /articles HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${evil}`, 401],
    ['of a POST without a token', `POST /articles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${length}\r\n\r\n${evil}`, 401],
    ['of a POST whose token is in the trailers', `POST /articles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n${good}\r\n0\r\n${token}\r\n\r\n`, 401],
    ['of a POST that is not JSON', post([length], evil), 400],
    ['of another media type', `POST /articles HTTP/1.1\r\nHost: a\r\n${token}\r\nContent-Type: text/plain\r\n${length}\r\n\r\n${evil}`, 415],
    ['of an unknown URL', `POST /nowhere HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${evil}`, 404],
    ['of an unsupported method', `DELETE /articles HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${evil}`, 405],
    ['of a malformed URL', `POST /% HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${evil}`, 400],
    ['of a request without Host', `POST /articles HTTP/1.1\r\n${token}\r\n${length}\r\n\r\n${evil}`, 400],
    ['of an unknown expectation', `POST /articles HTTP/1.1\r\nHost: a\r\n${token}\r\nExpect: miracles\r\n${length}\r\n\r\n${evil}`, 415]
  ]
  for (const [name, bytes, status, handler] of attacks) {
    const { statuses } = await wire.exchange(bytes + last)
    t.strictSame(statuses, [status, 200], name)
    t.strictSame(ran().sort(), [...handler === undefined ? [] : [handler], 'GET /health/live'], name)
  }
  const expected = await wire.exchange(`POST /articles HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${length}\r\n\r\n${evil}${last}`)
  t.strictSame(expected.statuses, [100, 401, 200])
  t.strictSame((await stored(wire.app)).filter(what => what.startsWith('article')), [])
})

t.test('a request with Upgrade gets an HTTP/1.1 response, and is the last of its connection', async t => {
  const ran = watchHandlers(t)
  const wire = await startOnWire(t)
  const { evil, token } = writer(wire)
  const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__'
  for (const [bytes, status] of [
    [`GET /articles HTTP/1.1\r\nHost: a\r\n${token}\r\n${h2c}\r\n\r\n`, 200],
    [`GET /articles HTTP/1.1\r\nHost: a\r\n${h2c}\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`, 401],
    ['GET /articles HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 401]
  ] as const) {
    t.strictSame((await wire.exchange(bytes + evil)).statuses, [status])
  }
  t.strictSame(ran(), ['GET /articles'])
})

t.test('unusual framing that is not ambiguous is one request', async t => {
  const wire = await startOnWire(t)
  const { post } = writer(wire)
  const te = 'Transfer-Encoding: chunked'
  for (const bytes of [
    post([te], chunked),
    post(['Transfer-Encoding:\tCHUNKED'], chunked),
    post(['Transfer-Encoding: gzip, chunked'], chunked),
    post([te], `0000000f;a="b"\r\n${good}\r\n0\r\n\r\n`),
    post([te, 'Trailer: X'], `f\r\n${good}\r\n0\r\nX: y\r\n\r\n`),
    post(['Content-Length: 0000000015'], good)
  ]) t.strictSame((await wire.exchange(bytes + last)).statuses, [201, 200], JSON.stringify(bytes.slice(-100)))
})

t.test('pipelined requests get their responses in order, also after errors', async t => {
  const wire = await startOnWire(t)
  const { evil, post } = writer(wire)
  const write = post(['Content-Length: 15'], good)
  const requests: [name: string, bytes: string, ...statuses: number[]][] = [
    ['after a success', write + write + last, 201, 201, 200],
    ['after a 404', `GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n${write}${last}`, 404, 201, 200],
    ['after a body that is not JSON', post(['Content-Length: 1'], '{') + write + last, 400, 201, 200],
    ['after a missing body', post([], '') + write + last, 400, 201, 200],
    ['after a request without Host', `GET /articles HTTP/1.1\r\n\r\n${write}${last}`, 400, 201, 200],
    ['after a request with two Hosts', `GET /articles HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${write}${last}`, 400, 201, 200],
    ['before bytes that are not HTTP', `${write}garbage\r\n\r\n${evil}`, 201, 400],
    ['two before bytes that are not HTTP', `${write}${write}garbage\r\n\r\n${evil}`, 201, 201, 400],
    ['with a length that is too short', post(['Content-Length: 5'], good) + evil, 400, 400]
  ]
  for (const [name, bytes, ...statuses] of requests) {
    t.strictSame((await wire.exchange(bytes)).statuses, statuses, name)
  }
  t.notMatch((await stored(wire.app)).join(), 'evil')
})

t.test('a request with Connection: close gets its response, and the bytes behind it are not read', async t => {
  const wire = await startOnWire(t)
  const { evil, post, token } = writer(wire)
  for (const bytes of [
    post(['Connection: close', 'Content-Length: 15'], good),
    post(['Connection: keep-alive, close', 'Content-Length: 15'], good),
    post(['Transfer-Encoding: chunked'], chunked).replace('HTTP/1.1', 'HTTP/1.0')
  ]) t.strictSame((await wire.exchange(bytes + evil)).statuses, [201])
  for (const refused of ['GET /articles HTTP/1.1\r\nHost: a', 'POST /articles HTTP/1.1\r\nHost: a\r\nContent-Length: 0', `${post([], '').trimEnd()}\r\nContent-Length: 1`, 'GET /nowhere HTTP/1.1\r\nHost: a']) {
    const { statuses, text } = await wire.exchange(`${refused}\r\nConnection: close\r\n\r\n${refused.endsWith('1') ? '{' : ''}${evil}`)
    t.equal(statuses.length, 1, refused)
    t.match(text, /^Connection: close\r$/mi, refused)
  }
  t.strictSame((await wire.exchange(`GET /articles HTTP/1.0\r\n${token}\r\n\r\n${evil}`)).statuses, [200], 'HTTP/1.0, without a Host')
  t.strictSame((await wire.exchange(post(['Content-Length: 2000000'], evil))).codes, ['payload_too_large'], 'a body that is too large')
  t.notMatch((await stored(wire.app)).join(), 'evil')
})

t.test('an unfinished body is not read as a request', async t => {
  const ran = watchHandlers(t)
  const wire = await startOnWire(t)
  const { evil, post } = writer(wire)
  for (const [bytes, rest] of [
    [post([`Content-Length: ${evil.length + 1}`], evil), ' '],
    [post(['Transfer-Encoding: chunked'], `${(evil.length + 1).toString(16)}\r\n${evil}`), ' \r\n0\r\n\r\n']
  ] as const) {
    const socket = await wire.open()
    let text = ''
    socket.on('data', chunk => { text += chunk })
    socket.write(bytes)
    // The service has processed the bytes by the time these requests have their responses.
    for (let turn = 0; turn < 3; turn++) await wire.exchange(last)
    t.equal(text, '')
    t.strictSame(ran(), Array(3).fill('GET /health/live'))
    socket.write(rest + last)
    await once(socket, 'close')
    t.strictSame(read(text).statuses, [400, 200])
    t.strictSame(ran(), ['GET /health/live'])
  }
})
