// The Lambda that AWS runs. Environment: POST_CONFIRMATION_SECRET_ARN, and what post-confirmation.ts reads but for the secret,
// which stays in Secrets Manager.

import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { tellService, type PostConfirmationEvent } from './post-confirmation.ts'

// What is left of the service's four seconds must do for the delivery; in milliseconds.
const longestRead = 2_000
const longestAttempt = 900
/** A new secret is noticed after this, in milliseconds. */
const maxAge = 300_000

const client = new SecretsManagerClient({
  maxAttempts: 2,
  requestHandler: { requestTimeout: longestAttempt, throwOnRequestTimeout: true, connectionTimeout: longestAttempt }
})
let held: { secret: string, until: number } | undefined

export async function handler (event: PostConfirmationEvent): Promise<PostConfirmationEvent> {
  return tellService(event, findSecret)
}

// Read at the first event and not while the module loads: there Cognito's five seconds run as well, but nobody counts them.
async function findSecret (): Promise<string> {
  if (held !== undefined && Date.now() < held.until) return held.secret
  const command = new GetSecretValueCommand({ SecretId: process.env.POST_CONFIRMATION_SECRET_ARN })
  const { SecretString: secret = '' } = await client.send(command, { abortSignal: AbortSignal.timeout(longestRead) })
  held = { secret, until: Date.now() + maxAge }
  return secret
}
