// The Post-Confirmation Lambda. Environment: POST_CONFIRMATION_SECRET_ARN, and the variables of
// post-confirmation.ts without the secret, which stays in Secrets Manager.

import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { notifyService, type PostConfirmationEvent } from './post-confirmation.ts'

// Reading the secret and delivering the event share the four seconds of post-confirmation.ts.
const readTimeoutMs = 2_000
const attemptTimeoutMs = 900
/** A rotated secret takes effect after at most this time. */
const secretTtlMs = 300_000

const client = new SecretsManagerClient({
  maxAttempts: 2,
  requestHandler: { requestTimeout: attemptTimeoutMs, throwOnRequestTimeout: true, connectionTimeout: attemptTimeoutMs }
})
let cached: { secret: string, expiresAt: number } | undefined

export async function handler (event: PostConfirmationEvent): Promise<PostConfirmationEvent> {
  return notifyService(event, findSecret)
}

// The first event reads the secret. Reading it while the module loads would use Cognito's five seconds
// without a time-out.
async function findSecret (): Promise<string> {
  if (cached !== undefined && Date.now() < cached.expiresAt) return cached.secret
  const command = new GetSecretValueCommand({ SecretId: process.env.POST_CONFIRMATION_SECRET_ARN })
  const { SecretString: secret = '' } = await client.send(command, { abortSignal: AbortSignal.timeout(readTimeoutMs) })
  cached = { secret, expiresAt: Date.now() + secretTtlMs }
  return secret
}
