import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { Agent } from 'undici'
import { keySetFetcher } from '../../../../plugins/cognito-auth/keys/fetch-key-set.ts'
import { startPool } from '../../../support/app.ts'
import { publicJwk, until } from '../../../support/user-pool.ts'

const fetchKeySet = keySetFetcher({})

const never = new AbortController().signal

t.test('fetchKeySet gives the text of the set as it is', async t => {
  const pool = await startPool(t)
  const text = `{ "keys": [${JSON.stringify(publicJwk(pool.key))}], "ü": 1 }\n`
  pool.answer = (_request, response) => { response.end(text) }
  t.equal(await fetchKeySet(`${pool.issuer}/.well-known/jwks.json`, never), text)
})

t.test('fetchKeySet asks for the path and query that it was given, uncompressed', async t => {
  const pool = await startPool(t)
  const asked: unknown[] = []
  pool.answer = (request, response) => {
    asked.push(request.url, request.headers['accept-encoding'])
    pool.publish(request, response)
  }
  await fetchKeySet(`${pool.endpoint}/keys/of%20mine?pool=1&b=/`, never)
  await fetchKeySet(`${pool.endpoint}/?pool=1`, never)
  t.strictSame(asked, ['/keys/of%20mine?pool=1&b=/', 'identity', '/?pool=1', 'identity'])
})

t.test('fetchKeySet takes a set in which a key has an empty id', async t => {
  const pool = await startPool(t)
  pool.answer = (_request, response) => { response.end('{"keys":[{"kid":""}]}') }
  t.equal(await fetchKeySet(pool.issuer, never), '{"keys":[{"kid":""}]}')
})

t.test('fetchKeySet takes a set in small pieces', async t => {
  const pool = await startPool(t)
  pool.answer = (_request, response) => {
    for (const piece of JSON.stringify({ keys: [publicJwk(pool.key)] })) response.write(piece)
    response.end()
  }
  t.equal(JSON.parse(await fetchKeySet(pool.issuer, never)).keys[0].kid, pool.key.kid)
})

const lies: Record<string, RequestListener> = {
  'a status of 500 with a good set': (_request, response) => { response.writeHead(500).end('{"keys":[{"kid":"a"}]}') },
  'a status of 403 with JSON': (_request, response) => { response.writeHead(403).end('{}') },
  HTML: (_request, response) => { response.setHeader('content-type', 'text/html').end('<!doctype html><title>Sign in</title>') },
  nothing: (_request, response) => { response.end() },
  null: (_request, response) => { response.end('null') },
  'an array': (_request, response) => { response.end('[]') },
  'no keys': (_request, response) => { response.end('{}') },
  'an empty set': (_request, response) => { response.end('{"keys":[]}') },
  'half a set': (_request, response) => { response.end('{"keys":[{"kid":"a"') },
  'half an answer': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"keys":[')
    setImmediate(() => response.destroy())
  },
  'a connection that is cut': request => { request.socket.destroy() },
  'compressed JSON': (_request, response) => { response.setHeader('content-encoding', 'gzip').end(gzipSync('{"keys":[{"kid":"a"}]}')) },
  'a bomb of 100 MB in 100 kB of gzip': (_request, response) => { response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(100 * 2 ** 20, 32))) },
  '256 kB and a byte': (_request, response) => { response.end('{"keys":[{"kid":"a"}]}'.padEnd(256 * 1024 + 1)) }
}

// The global fetch decompresses by itself: its limit is on what comes out.
const liesToFetch = Object.entries(lies).filter(([name]) => name !== 'compressed JSON')
const fetchByFetch = keySetFetcher({ fetch })

for (const [name, answer] of liesToFetch) {
  t.test(`fetchKeySet with the option fetch gives up on ${name}`, async t => {
    const pool = await startPool(t)
    pool.answer = answer
    await t.rejects(fetchByFetch(pool.issuer, never))
    pool.answer = pool.publish
    t.equal(JSON.parse(await fetchByFetch(pool.issuer, never)).keys[0].kid, pool.key.kid)
  })
}

t.test('fetchKeySet with the option fetch follows no redirect and gives up after 3 s', async t => {
  const [pool, slow, other] = [await startPool(t), await startPool(t), await startPool(t)]
  pool.answer = (_request, response) => { response.writeHead(302, { location: other.issuer }).end() }
  slow.answer = () => {}
  await t.rejects(fetchByFetch(pool.issuer, never))
  await t.rejects(fetchByFetch(slow.issuer, never), { name: 'TimeoutError' })
  t.strictSame(other.fetches, [])
})

t.test('fetchKeySet goes through HTTP_PROXY, but not to hosts in NO_PROXY', async t => {
  const pool = await startPool(t)
  const tunnels: unknown[] = []
  const proxy = createServer().on('connect', (request, socket) => {
    tunnels.push(request.url)
    const target = connect(Number(new URL(pool.endpoint).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.destroy())
    socket.on('error', () => target.destroy())
    t.teardown(() => { target.destroy(); socket.destroy() })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => proxy.close())
  const address = proxy.address()
  const held = { ...process.env }
  t.teardown(() => { process.env = held })
  const fetchBehind = (noProxy: string) => {
    process.env = { ...held, HTTP_PROXY: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, NO_PROXY: noProxy }
    return keySetFetcher({})
  }
  await fetchBehind('')(pool.issuer, never)
  t.strictSame(tunnels, [new URL(pool.endpoint).host])
  await fetchBehind('127.0.0.1')(pool.issuer, never)
  t.equal(tunnels.length, 1)
  pool.answer = (_request, response) => { response.end('{"keys":[{"kid":"a"}]}'.padEnd(256 * 1024 + 1)) }
  await t.rejects(fetchBehind('')(pool.issuer, never), 'the limits hold behind a proxy')
})

t.test('fetchKeySet sends its requests through the dispatcher that it was given, within the same limits', async t => {
  const pool = await startPool(t)
  const asked: unknown[] = []
  const dispatcher = new Agent().compose(dispatch => (options, handler) => {
    asked.push(options.path)
    return dispatch(options, handler)
  })
  const fetchByDispatcher = keySetFetcher({ dispatcher })
  await fetchByDispatcher(pool.issuer, never)
  t.strictSame(asked, [`/${pool.id}`])
  pool.answer = (_request, response) => { response.end('{"keys":[{"kid":"a"}]}'.padEnd(256 * 1024 + 1)) }
  await t.rejects(fetchByDispatcher(pool.issuer, never))
})

for (const [name, answer] of Object.entries(lies)) {
  t.test(`fetchKeySet gives up on ${name}`, async t => {
    const pool = await startPool(t)
    pool.answer = answer
    await t.rejects(fetchKeySet(pool.issuer, never))
    pool.answer = pool.publish
    await t.resolves(fetchKeySet(pool.issuer, never), 'the same server with a good answer')
  })
}

t.test('fetchKeySet takes 256 kB', async t => {
  const pool = await startPool(t)
  pool.answer = (_request, response) => { response.end('{"keys":[{"kid":"a"}]}'.padEnd(256 * 1024)) }
  t.equal((await fetchKeySet(pool.issuer, never)).length, 256 * 1024)
})

t.test('fetchKeySet gives up on 300 MB after the first of them', async t => {
  const pool = await startPool(t)
  let sent = 0
  pool.answer = (_request, response) => {
    response.write('{"keys":[')
    const megabyte = Buffer.alloc(2 ** 20, 32)
    const send = () => {
      if (response.destroyed) return
      if (sent++ === 300) response.end(']}')
      else response.write(megabyte, send)
    }
    send()
  }
  await t.rejects(fetchKeySet(pool.issuer, never))
  t.ok(sent < 100, `the server could send ${sent} MB`)
})

t.test('fetchKeySet follows no redirect', async t => {
  const pool = await startPool(t)
  const other = await startPool(t)
  for (const status of [301, 302, 303, 307, 308]) {
    pool.answer = (_request, response) => { response.writeHead(status, { location: other.issuer }).end() }
    await t.rejects(fetchKeySet(pool.issuer, never), `${status}`)
  }
  t.strictSame(other.fetches, [])
})

const delays: Record<string, RequestListener> = {
  'no answer': () => {},
  'headers without a body': (_request, response) => { response.writeHead(200).flushHeaders() },
  'a byte every 100 ms': (_request, response) => {
    const timer = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(timer))
  }
}

t.test('fetchKeySet gives up on a server that takes its time', async t => {
  await Promise.all(Object.entries(delays).map(async ([name, answer]) => {
    const pool = await startPool(t)
    pool.answer = answer
    await t.rejects(fetchKeySet(pool.issuer, never), { name: 'TimeoutError' }, name)
  }))
})

t.test('fetchKeySet gives up on a server that is not there', async t => {
  const pool = await startPool(t)
  await pool.down()
  await t.rejects(fetchKeySet(pool.issuer, never))
})

t.test('fetchKeySet stops when it is told to', async t => {
  const pool = await startPool(t)
  const stop = new AbortController()
  pool.answer = () => {}
  const fetched = fetchKeySet(pool.issuer, stop.signal)
  await until(() => pool.fetches.length === 1)
  stop.abort(new Error('stopped by the test'))
  await t.rejects(fetched, { message: 'stopped by the test' })
})

t.test('fetchKeySet rejects with a signal that is aborted already, and asks nothing', async t => {
  const pool = await startPool(t)
  await t.rejects(fetchKeySet(pool.issuer, AbortSignal.abort(new Error('stopped by the test'))), { message: 'stopped by the test' })
  t.equal(pool.fetches.length, 0)
})

t.test('fetchKeySet rejects where it is aborted, or the connection is reset, midway', async t => {
  for (const end of ['abort', 'reset']) {
    const pool = await startPool(t)
    const stop = new AbortController()
    pool.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"keys":[', () => {
        if (end === 'abort') stop.abort(new Error('stopped by the test'))
        else response.socket?.resetAndDestroy()
      })
    }
    await t.rejects(fetchKeySet(pool.issuer, stop.signal), end)
  }
})
