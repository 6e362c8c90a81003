import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { sendProblem } from '../src/problems/error-handler.ts'
import { Problem } from '../src/problems/catalogue.ts'
import { whyUnroutable } from '../src/http/bad-url.ts'

/** Every refusal and failure leaves as a problem detail, also on addresses and methods that do not exist. */
const problems: FastifyPluginAsync = async fastify => {
  const methods = new Map<string, string[]>()

  fastify.setErrorHandler((error, _request, reply) => sendProblem(reply, error))

  fastify.addHook('onRoute', ({ url, method }) => {
    methods.set(url, (methods.get(url) ?? []).concat(method))
  })
  // Fastify calls the handler once the body is parsed, and would refuse the body first.
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.is404) refuse(request, reply)
    else done()
  })
  fastify.setNotFoundHandler(refuse)

  function refuse (request: FastifyRequest, reply: FastifyReply): void {
    const reason = whyUnroutable(request)
    if (reason !== undefined) return sendProblem(reply, reason)
    const [path = ''] = request.url.split('?', 1)
    const allowed = allowedMethods(methods, path)
    return sendProblem(reply, allowed.length === 0
      ? new Problem('not_found', 'There is nothing at this address.')
      : new Problem('method_not_allowed', `This address takes ${allowed.join(', ')}.`, { headers: { allow: allowed.join(', ') } }))
  }
}

/** The methods of the routes whose pattern has the path; wildcards aside, since they take everything. */
function allowedMethods (methods: Map<string, string[]>, path: string): string[] {
  const segments = path.replace(/(?<=.)\/$/, '').split('/')
  const allowed = Array.from(methods).flatMap(([url, urlMethods]) => {
    const pattern = url.replace(/(?<=.)\/$/, '').split('/')
    const matches = pattern.length === segments.length &&
      pattern.every((part, index) => part.startsWith(':') ? segments[index] !== '' : part === segments[index])
    return matches ? urlMethods : []
  })
  return [...new Set(allowed)].sort()
}

export default fp(problems, { name: 'problems', dependencies: ['request-outcome'] })
