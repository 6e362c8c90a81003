import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { badUrlError } from '../src/http/bad-url.ts'
import { Problem } from '../src/problems/catalogue.ts'
import { sendProblem } from '../src/problems/error-handler.ts'

/** Sends every error as a problem detail, also for unknown URLs and unsupported methods. */
const problems: FastifyPluginAsync = async fastify => {
  const methodsByPath = new Map<string, string[]>()

  fastify.setErrorHandler((error, _request, reply) => sendProblem(reply, error))

  fastify.addHook('onRoute', ({ url, method }) => {
    methodsByPath.set(url, (methodsByPath.get(url) ?? []).concat(method))
  })
  // Fastify parses the body before it calls the not-found handler, and would reject the body first.
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.is404) sendNotFound(request, reply)
    else done()
  })
  fastify.setNotFoundHandler(sendNotFound)

  function sendNotFound (request: FastifyRequest, reply: FastifyReply): void {
    const badUrl = badUrlError(request)
    if (badUrl !== undefined) return sendProblem(reply, badUrl)
    const [path = ''] = request.url.split('?', 1)
    const allow = allowedMethods(methodsByPath, path).join(', ')
    sendProblem(reply, allow === ''
      ? new Problem('not_found', 'No resource has this URL.')
      : new Problem('method_not_allowed', `This URL supports ${allow}.`, { headers: { allow } }))
  }
}

/**
 * The methods of all routes that match the path. Routes with wildcards match everything, and are left out.
 */
function allowedMethods (methodsByPath: Map<string, string[]>, path: string): string[] {
  const segments = path.replace(/(?<=.)\/$/, '').split('/')
  const allowed = Array.from(methodsByPath).flatMap(([url, methods]) => {
    const pattern = url.replace(/(?<=.)\/$/, '').split('/')
    const matches = pattern.length === segments.length &&
      pattern.every((part, index) => part.startsWith(':') ? segments[index] !== '' : part === segments[index])
    return matches ? methods : []
  })
  return [...new Set(allowed)].sort()
}

export default fp(problems, { name: 'problems', dependencies: ['request-outcome'] })
