import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { passwordPolicy } from '../src/cognito/password-policy.ts'
import { sendFileProblem } from '../src/http/file-problem.ts'

interface WebOptions {
  userPoolIds: string[]
  webClientId: string
  endpoint: string | undefined
  adminGroup: string
  /** The folder with the built pages; `web/dist` by default. */
  webFolder?: string
}

/** Serves the web app, if it has been built, and tells it which user pool it signs in to. */
const web: FastifyPluginAsync<WebOptions> = async (fastify, options) => {
  const { endpoint, adminGroup, webClientId: clientId, userPoolIds: [userPoolId = ''] } = options
  const { webFolder = fileURLToPath(new URL('../web/dist', import.meta.url)) } = options
  const region = userPoolId.slice(0, userPoolId.indexOf('_'))

  fastify.get('/config.json', { schema: { hide: true } }, async (_request, reply) => {
    reply.header('cache-control', 'no-cache')
    return { region, userPoolId, clientId, endpoint, adminGroup, passwordPolicy }
  })

  if (!existsSync(`${webFolder}/index.html`)) {
    fastify.log.info('The web app is not built: run npm run build')
    return
  }
  // Loaded on demand, because it is large.
  const { default: fastifyStatic } = await import('@fastify/static')
  const headers = pageHeaders(endpoint ?? `https://cognito-idp.${region}.amazonaws.com`)
  await fastify.register(async scope => {
    scope.setErrorHandler(sendFileProblem)
    await scope.register(fastifyStatic, {
      root: webFolder,
      // One route per file, so that every other address keeps its own 404 and 405.
      wildcard: false,
      preCompressed: true,
      globIgnore: ['**/*.br', '**/*.gz'],
      decorateReply: false,
      cacheControl: false,
      setHeaders: (reply, path) => {
        // Vite puts a hash of the content into the names in assets/.
        const hashed = path.startsWith(`${webFolder}/assets/`)
        reply.headers({ ...headers, 'cache-control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache' })
      }
    })
  })
}

function pageHeaders (identityProvider: string): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'font-src': "'self'",
    'img-src': "'self' data:",
    'connect-src': `'self' ${new URL(identityProvider).origin}`,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'"
  }
  return {
    'content-security-policy': Object.entries(policy).map(([directive, sources]) => `${directive} ${sources}`).join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff'
  }
}

export default fp(web, { name: 'web' })
