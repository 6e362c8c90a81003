import { Agent, get, type IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { startApp } from '../support/app.ts'

t.test('requests of one turn of the event loop get their responses together at its end', async t => {
  const happened: string[] = []
  const { app } = await startApp(t, {}, undefined, (app: FastifyInstance) => {
    app.get('/letters/:letter', {
      onRequest: (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
        reply.raw.once('finish', () => { happened.push(`sent ${request.url.at(-1)}`) })
        done()
      }
    }, (request, reply) => {
      const letter = request.url.at(-1)
      happened.push(`handled ${letter}`)
      if (letter === 'b') throw new Error('b is no letter')
      reply.send({ letter })
    })
  })
  const responses = await Promise.all(['a', 'b', 'c'].map(async letter => app.inject(`/letters/${letter}`)))
  t.strictSame(responses.map(response => [response.statusCode, response.json().letter]), [[200, 'a'], [500, undefined], [200, 'c']])
  t.strictSame(happened, ['handled a', 'handled b', 'handled c', 'sent a', 'sent b', 'sent c'])
})

t.test('a response that cannot be sent is a 500, and the others of its turn are sent', async t => {
  const { app, log } = await startApp(t, {}, undefined, (app: FastifyInstance) => {
    app.get('/boxes/:kind', (request, reply) => {
      const kind = request.url.split('/').at(-1)
      if (kind === 'payload') reply.type('text/plain').send({ not: 'a text' })
      else if (kind === 'header') reply.header('x-box', 'a\nb').send('box')
      else if (kind === 'status') reply.code(204).header('x-box', 'a\nb').send()
      else reply.send('box')
    })
  })
  const responses = await Promise.all(['one', 'payload', 'header', 'status', 'two'].map(async kind => app.inject(`/boxes/${kind}`)))
  t.strictSame(responses.map(({ statusCode }) => statusCode), [200, 500, 500, 500, 200])
  t.equal(responses[1]?.json().code, 'internal_error')
  t.match(log.join(''), /the response cannot be sent: Attempted to send payload of invalid type/)
})

t.test('a response that waits while the service begins to stop closes its connection', async t => {
  const { app } = await startApp(t, {}, undefined, (app: FastifyInstance) => {
    app.get('/last', (_request, reply) => {
      reply.send('the last')
      app.close()
    })
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const response = await new Promise<IncomingMessage>((resolve, reject) => get(`${address}/last`, { agent }, resolve).on('error', reject))
  response.resume()
  t.equal(response.headers.connection, 'close')
  await app.close()
})
