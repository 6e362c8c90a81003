import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { addBasePath, lacksSlash } from '../src/http/base-path.ts'

interface BasePathOptions {
  /** The path under which a proxy serves the service, without a trailing slash. Empty: at the root. */
  basePath: string
}

/** Puts the base path into `Location` and `Link`. The routes themselves know nothing of it. */
const basePaths: FastifyPluginAsync<BasePathOptions> = async (fastify, { basePath }) => {
  if (basePath === '') return

  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.method === 'GET' && lacksSlash(basePath, request.originalUrl)) reply.redirect('/', 308)
    else done()
  })
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    for (const name of ['location', 'link']) {
      const value = reply.getHeader(name)
      if (typeof value === 'string') reply.header(name, addBasePath(basePath, value))
    }
    done()
  })
}

export default fp(basePaths, { name: 'base-path' })
