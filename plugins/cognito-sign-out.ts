import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { userPoolClient, type UserPoolClient } from '../src/cognito/user-pool-client.ts'
import type { Identity } from '../src/users/sign-out-queries.ts'
import type { EndSessions } from '../src/users/sign-out.ts'

declare module 'fastify' {
  interface FastifyInstance {
    endSessions: EndSessions
  }
}

interface UserPoolOptions {
  endpoint: string | undefined
}

/** How long the service does without credentials before it looks for them again, in milliseconds. */
const credentialsPause = 600_000

/** Lets the service end sessions at Cognito, where it has AWS credentials for that; without, it does so on its own. */
const userPool: FastifyPluginAsync<UserPoolOptions> = async (fastify, { endpoint }) => {
  const underWay = new Set<Promise<void>>()
  let client: UserPoolClient | undefined
  let nextTry = -Infinity

  fastify.decorate('endSessions', (identity, onEnded) => {
    if (performance.now() < nextTry) return
    const ending = endSessions(identity, onEnded).finally(() => underWay.delete(ending))
    underWay.add(ending)
  })
  fastify.addHook('onClose', async () => {
    await Promise.all(underWay)
    await client?.close()
  })

  async function endSessions ({ issuer, subject }: Identity, onEnded: () => Promise<void>): Promise<void> {
    client ??= userPoolClient(endpoint)
    try {
      await client.signOut(issuer.slice(issuer.lastIndexOf('/') + 1), subject)
    } catch (error) {
      const lacksCredentials = error instanceof Error && error.name === 'CredentialsProviderError'
      if (lacksCredentials) nextTry = performance.now() + credentialsPause
      fastify.log[lacksCredentials ? 'info' : 'warn']({ err: error }, 'sessions were ended here, but not at Cognito')
      return
    }
    await onEnded().catch(error => fastify.log.warn({ err: error }, 'sessions were ended, and will be remembered for longer than need be'))
  }
}

export default fp(userPool, { name: 'cognito-sign-out', dependencies: ['database'] })
