import { Agent, get, type IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { startApp } from '../support/app.ts'

t.test('what is asked in one turn of the event loop is answered at its end, each with its own answer', async t => {
  const happened: string[] = []
  const { app } = await startApp(t, {}, undefined, (app: FastifyInstance) => {
    app.get('/letters/:letter', {
      onRequest: (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
        reply.raw.once('finish', () => { happened.push(`sent ${request.url.at(-1)}`) })
        done()
      }
    }, (request, reply) => {
      const letter = request.url.at(-1)
      happened.push(`asked ${letter}`)
      if (letter === 'b') throw new Error('b is nobody’s letter')
      reply.send({ letter })
    })
  })
  const answers = await Promise.all(['a', 'b', 'c'].map(async letter => app.inject(`/letters/${letter}`)))
  t.strictSame(answers.map(answer => [answer.statusCode, answer.json().letter]), [[200, 'a'], [500, undefined], [200, 'c']])
  t.strictSame(happened, ['asked a', 'asked b', 'asked c', 'sent a', 'sent b', 'sent c'])
})

t.test('an answer that cannot be sent fails alone, as a 500', async t => {
  const { app, log } = await startApp(t, {}, undefined, (app: FastifyInstance) => {
    app.get('/boxes/:kind', (request, reply) => {
      const kind = request.url.split('/').at(-1)
      if (kind === 'payload') reply.type('text/plain').send({ not: 'a text' })
      else if (kind === 'header') reply.header('x-box', 'a\nb').send('box')
      else if (kind === 'status') reply.code(204).header('x-box', 'a\nb').send()
      else reply.send('box')
    })
  })
  const answers = await Promise.all(['one', 'payload', 'header', 'status', 'two'].map(async kind => app.inject(`/boxes/${kind}`)))
  t.strictSame(answers.map(({ statusCode }) => statusCode), [200, 500, 500, 500, 200])
  t.equal(answers[1]?.json().code, 'internal_error')
  t.match(log.join(''), /the answer cannot be sent: Attempted to send payload of invalid type/)
})

t.test('an answer that waits as the service begins to stop is the last on its connection', async t => {
  const { app } = await startApp(t, {}, undefined, (app: FastifyInstance) => {
    app.get('/last', (_request, reply) => {
      reply.send('the last')
      app.close()
    })
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const answer = await new Promise<IncomingMessage>((resolve, reject) => get(`${address}/last`, { agent }, resolve).on('error', reject))
  answer.resume()
  t.equal(answer.headers.connection, 'close')
  await app.close()
})
