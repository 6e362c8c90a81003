import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../src/problems.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI document of the service, made from the schemas that its routes validate with. */
    describe (): Promise<object>
  }
}

const own = /^\/(docs|openapi\.json)(\/|$)/

/** Serves the document of the service, and a page to try it on. */
const openapi: FastifyPluginAsync = async fastify => {
  const routes: RouteOptions[] = []
  fastify.addHook('onRoute', route => { routes.push(route) })
  for (const url of ['/openapi.json', '/docs', '/docs/*']) fastify.get(url, { schema: { hide: true } }, answerFromDocs)
  fastify.decorate('describe', async () => (await docs()).swagger())

  let made: Promise<FastifyInstance> | undefined
  // Made where it is asked for: it is large, a start would wait for it, and few processes are asked.
  function docs (): Promise<FastifyInstance> {
    made ??= import('../src/docs.ts').then(({ makeDocs }) => makeDocs(routes)).catch(error => {
      made = undefined
      throw error
    })
    return made
  }

  async function answerFromDocs ({ url, headers, signal }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // Dots may lead to what is described there, which would answer with 404 as well.
    if (!own.test(new URL(url, 'http://docs').pathname)) throw new Problem('not_found', 'There is nothing at this address.')
    // As streams: whoever asks for many files and reads none must not have them all in memory.
    const answer = await (await docs()).inject({ url, headers, payloadAsStream: true, signal })
    const { statusCode } = answer
    if (statusCode >= 400) throw Object.assign(new Error(`the docs answer ${statusCode}`), { statusCode })
    const { connection, date, ...kept } = answer.headers
    return reply.code(statusCode).headers(kept).send(answer.stream())
  }
}

export default fp(openapi, { name: 'openapi' })
