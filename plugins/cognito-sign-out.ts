import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { userPoolClient, type UserPoolClient } from '../src/cognito/user-pool-client.ts'
import type { ApiUser, EndSessions } from '../src/users/sign-out.ts'

declare module 'fastify' {
  interface FastifyInstance {
    endSessions: EndSessions
  }
}

interface CognitoSignOutOptions {
  endpoint: string | undefined
}

/** The time until the AWS SDK looks for credentials again, where it found none. */
const credentialsRetryMs = 600_000

/**
 * Lets the service end sessions at Cognito, where it has AWS credentials. Without them it ends sessions here
 * only.
 */
const cognitoSignOut: FastifyPluginAsync<CognitoSignOutOptions> = async (fastify, { endpoint }) => {
  const pending = new Set<Promise<void>>()
  let client: UserPoolClient | undefined
  let nextAttemptMs = -Infinity

  fastify.decorate('endSessions', (user, onEnded) => {
    if (performance.now() < nextAttemptMs) return
    const ending = endSessions(user, onEnded).finally(() => pending.delete(ending))
    pending.add(ending)
  })
  fastify.addHook('onClose', async () => {
    await Promise.all(pending)
    await client?.close()
  })

  async function endSessions ({ issuer, username }: ApiUser, onEnded: () => Promise<void>): Promise<void> {
    client ??= userPoolClient(endpoint)
    try {
      await client.signOut(issuer.slice(issuer.lastIndexOf('/') + 1), username)
    } catch (error) {
      const lacksCredentials = error instanceof Error && error.name === 'CredentialsProviderError'
      if (lacksCredentials) nextAttemptMs = performance.now() + credentialsRetryMs
      fastify.log[lacksCredentials ? 'info' : 'warn']({ err: error }, 'sessions were ended here, but not at Cognito')
      return
    }
    await onEnded().catch(error => fastify.log.warn({ err: error }, 'the expiry of a sign-out was not shortened'))
  }
}

export default fp(cognitoSignOut, { name: 'cognito-sign-out', dependencies: ['database'] })
