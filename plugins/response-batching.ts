// A write to a socket wakes whoever waits for it, and on a virtual machine that costs more than all the rest of a short
// request. Written one right after the other, the answers of a turn find their reader awake.

import type { DoneFuncWithErrOrRes, FastifyPluginAsync, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { hasLargeUnfinishedBody } from '../src/http/body-limit.ts'

/** Sends what has been answered in one turn of the event loop together, at its end. */
const answerTogether: FastifyPluginAsync = async fastify => {
  let answers: { reply: FastifyReply, send: DoneFuncWithErrOrRes }[] = []

  fastify.addHook('onSend', (_request, reply, _payload, send) => {
    if (answers.length === 0) setImmediate(sendAll)
    answers.push({ reply, send })
  })

  function sendAll (): void {
    const ready = answers
    answers = []
    for (const { reply, send } of ready) {
      // Not before: a service that begins to stop while the answer waits would wait for this connection.
      if (fastify.isDraining() || hasLargeUnfinishedBody(reply.request)) reply.header('connection', 'close')
      try {
        send()
      } catch (cause) {
        // A payload or a header that Node cannot send: the failure of this one request, as it would be without a wait.
        send(new Error('the answer cannot be sent', { cause }))
      }
    }
  }
}

// Last of the hooks that see every answer.
export default fp(answerTogether, { name: 'response-batching', dependencies: ['graceful-shutdown'] })
