import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { startApp } from '../support/app.ts'

const get = 'GET /nowhere HTTP/1.1\r\nHost: articles\r\n\r\n'

t.test('a connection that pipelines 1,200 requests is closed, and other connections are served', async t => {
  const { app, log } = await startApp(t)
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect({ host: '127.0.0.1', port: Number(url.port) })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).resume()
  socket.write(get.repeat(1_200))
  await once(socket, 'close')

  t.equal((await fetch(new URL('/health/live', url))).status, 200)
  t.match(await app.connectionStatistics(), { dropped: 1 })
  t.equal(log.filter(line => line.includes('connections dropped')).length, 1)
  const requests = log.filter(line => line.includes('"msg":"request"') && line.includes('404')).length
  t.ok(requests <= 128, `${requests} requests reached Fastify`)
})

t.test('100 pipelined requests of one connection get their responses in order', async t => {
  const { app } = await startApp(t)
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect({ host: '127.0.0.1', port: Number(url.port) })
  t.teardown(() => socket.destroy())
  socket.write(get.repeat(99) + get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  let text = ''
  for await (const chunk of socket) text += chunk
  t.equal(text.split('HTTP/1.1 404').length - 1, 100)
})
