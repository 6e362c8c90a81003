import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { startApp } from '../helper.ts'

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
