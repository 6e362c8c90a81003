import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../src/problems.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI document of the service, made from the schemas that its routes validate with. */
    describe (): Promise<object>
  }
}

const own = /^\/(docs(\/|$)|openapi\.json)/

/** Serves the document of the service, and a page to try it on. */
const openapi: FastifyPluginAsync = async fastify => {
  const hidden = { schema: { hide: true } }
  for (const url of ['/openapi.json', '/docs', '/docs/*']) fastify.get(url, hidden, answerFromDocs)

  const routes: RouteOptions[] = []
  fastify.addHook('onRoute', route => { routes.push(route) })
  fastify.decorate('describe', async () => (await docs()).swagger())

  let made: Promise<FastifyInstance> | undefined
  // Made where it is asked for: it is large, a start would wait for it, and few processes are asked.
  function docs (): Promise<FastifyInstance> {
    made ??= import('../src/docs.ts').then(({ makeDocs }) => makeDocs(routes))
    return made
  }

  async function answerFromDocs ({ url, headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // Without the dots that lead elsewhere: the routes that are described have addresses there too.
    const address = URL.parse(url, 'http://docs')
    if (address === null || !own.test(address.pathname)) throw new Problem('not_found', 'There is nothing at this address.')
    const answer = await (await docs()).inject({ url: `${address.pathname}${address.search}`, headers })
    const { statusCode } = answer
    if (statusCode >= 400) throw Object.assign(new Error(`the docs answer ${statusCode}`), { statusCode })
    const { connection, date, ...kept } = answer.headers
    return reply.code(statusCode).headers(kept).send(answer.rawPayload)
  }
}

export default fp(openapi, { name: 'openapi' })
