import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import { app } from '../../src/app.ts'
import { serverOptions } from '../../src/http/server-options.ts'
import { readConfig } from '../../src/config.ts'
import { environment, startPool } from '../support/app.ts'
import { startService, until } from '../support/service-process.ts'

const departures = ['reset', 'end', 'destroy'] as const
type Departure = typeof departures[number]

/** Requests a path and disconnects after a delay, even during the response. */
async function ask (port: number, target: string, departure: Departure, delayMs: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port }).on('error', () => {})
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
  if (delayMs > 0) await wait(delayMs)
  if (departure === 'reset') socket.resetAndDestroy()
  else if (departure === 'destroy') socket.destroy()
  else socket.resume().end()
  await closed
}

const targets = ['/openapi.json', '/docs', '/docs/', '/docs/json', '/docs/yaml', '/docs/static/swagger-ui-bundle.js', '/docs/static/none.js', '/docs/static/index.html']

for (const departure of departures) {
  t.test(`clients that leave the documentation by ${departure} do not crash the process`, async t => {
    const pool = await startPool(t)
    const { url, child, output } = await startService(t, environment(pool))
    const port = Number(new URL(url).port)
    // First concurrently, before the document is built, and then one by one.
    const crowd = targets.flatMap(target => Array.from({ length: 21 }, (_, n) => ask(port, target, departure, n * 2)))
    await Promise.all(crowd)
    for (const target of targets) for (let delayMs = 0; delayMs <= 40; delayMs += 10) await ask(port, target, departure, delayMs)
    t.equal((await fetch(`${url}/openapi.json`)).status, 200)
    t.equal(child.exitCode, null)
    const lines = output.stdout.trimEnd().split('\n').map(line => JSON.parse(line))
    t.strictSame(lines.filter(({ level }) => level > 40), [], 'no fault is logged')
    t.equal(output.stderr, '')
    const ids = lines.filter(({ msg }) => msg === 'request').map(({ reqId }) => reqId)
    t.equal(new Set(ids).size, ids.length, 'no request has two lines')
  })
}

t.test('clients that disconnect during a page do not disturb the service', async t => {
  const webFolder = t.testdir()
  mkdirSync(`${webFolder}/assets`)
  writeFileSync(`${webFolder}/index.html`, '<title>Articles</title>')
  writeFileSync(`${webFolder}/assets/large.js`, 'x'.repeat(5_000_000))
  const log: string[] = []
  const config = readConfig(environment(await startPool(t)))
  const server = Fastify(serverOptions(config, { write: line => { log.push(line) } }))
  t.teardown(() => server.close())
  const options = { ...config, webFolder }
  await server.register(app, options)
  const address = await server.listen({ host: '127.0.0.1', port: 0 })
  const port = Number(new URL(address).port)
  log.length = 0
  const paths = ['/', '/assets/large.js']
  await Promise.all(departures.flatMap(departure => paths.flatMap(path => [0, 1, 2, 5, 10, 20].map(delayMs => ask(port, path, departure, delayMs)))))
  t.equal((await fetch(address, { headers: { 'x-request-id': 'last' } })).status, 200)
  await until(() => log.some(line => line.includes('"last"')))
  const lines = log.map(line => JSON.parse(line))
  t.equal(new Set(lines.map(({ reqId }) => reqId)).size, lines.length, 'no request has two lines')
  t.ok(lines.every(({ msg, level, status }) => msg === 'request' && level === 30 && [200, 499].includes(status)))
  t.ok(lines.some(({ status }) => status === 499))
})
