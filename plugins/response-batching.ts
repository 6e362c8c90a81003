import type { DoneFuncWithErrOrRes, FastifyPluginAsync, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { setConnectionHeader } from '../src/http/connection-close.ts'

/**
 * Sends the responses of one turn of the event loop together, at its end. A write to a socket wakes the
 * process that reads it. Over loopback that process runs on the same cores, and waking it costs more than the
 * rest of a short request. Measured on 2026-11-27 over loopback (`npm run bench`): 19,091 lists/s with
 * batching, 11,540 without; creates the same.
 */
const responseBatching: FastifyPluginAsync = async fastify => {
  let batch: { reply: FastifyReply, send: DoneFuncWithErrOrRes }[] = []

  fastify.addHook('onSend', (_request, reply, _payload, send) => {
    if (batch.length === 0) setImmediate(sendBatch)
    batch.push({ reply, send })
  })

  function sendBatch (): void {
    const responses = batch
    batch = []
    for (const { reply, send } of responses) {
      // The service may have begun to stop while the response waited.
      setConnectionHeader(reply, fastify.isStopping())
      try {
        send()
      } catch (cause) {
        // Node rejects the payload or a header. The error belongs to this request alone.
        send(new Error('the response cannot be sent', { cause }))
      }
    }
  }
}

// Register it after all other plugins with an `onSend` hook for every route.
export default fp(responseBatching, { name: 'response-batching', dependencies: ['graceful-shutdown'] })
