// What stands behind Cognito's Post-Confirmation trigger: it tells the service who has signed up.
// Environment: POST_CONFIRMATION_URL, POST_CONFIRMATION_SECRET (whsec_…), and POST_CONFIRMATION_REQUIRED (true or false).

import { setTimeout as wait } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'

/** https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html */
export interface PostConfirmationEvent {
  version: string
  region: string
  userPoolId: string
  userName: string
  callerContext: { awsSdkVersion: string, clientId: string | null }
  triggerSource: 'PostConfirmation_ConfirmSignUp' | 'PostConfirmation_ConfirmForgotPassword'
  request: { userAttributes: Record<string, string>, clientMetadata?: Record<string, string> }
  response: Record<string, never>
}

// Cognito waits five seconds for its triggers, and calls up to three times; this gives up before, in milliseconds.
const longest = 4_000
const longestAttempt = 1_500
const pause = 200

/** What AWS calls is post-confirmation-lambda.ts, which finds the secret elsewhere; this is for where there is no AWS. */
export async function handler (event: PostConfirmationEvent): Promise<PostConfirmationEvent> {
  return tellService(event, async () => process.env.POST_CONFIRMATION_SECRET ?? '')
}

/**
 * Sends the event to the service, signed as a Standard Webhook, and again while it fails and there is time.
 * A service that cannot be reached keeps nobody from confirming, unless POST_CONFIRMATION_REQUIRED is true: `users sync`
 * finds later who is missing.
 */
export async function tellService (event: PostConfirmationEvent, findSecret: () => Promise<string>): Promise<PostConfirmationEvent> {
  const { POST_CONFIRMATION_URL: url = '', POST_CONFIRMATION_REQUIRED: required } = process.env
  try {
    await deliver(url, findSecret, event)
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', message: 'the service was not told of a confirmed user', userPoolId: event.userPoolId, subject: event.request.userAttributes.sub, reason: error instanceof Error ? error.message : String(error) }))
    if (required === 'true') throw new Error('The sign-up could not be completed. Please try again.', { cause: error })
  }
  return event
}

async function deliver (url: string, findSecret: () => Promise<string>, event: PostConfirmationEvent): Promise<void> {
  if (URL.parse(url)?.host === undefined || URL.parse(url)?.username !== '') throw new Error('POST_CONFIRMATION_URL is not a URL without credentials')
  const deadline = Date.now() + longest
  const webhook = new Webhook(await findSecret())
  const body = JSON.stringify(event)
  // The same id at every attempt: the service is told once.
  const id = `post-confirmation-${event.userPoolId}-${event.request.userAttributes.sub}`
  for (;;) {
    const now = new Date()
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`,
      'webhook-signature': webhook.sign(id, now, body)
    }
    const left = deadline - Date.now()
    const failure = await post(url, headers, body, Math.min(longestAttempt, left))
    if (failure === undefined) return
    if (!failure.transient || deadline - Date.now() < pause * 2) throw new Error(failure.reason)
    await wait(pause)
  }
}

interface Failure {
  reason: string
  transient: boolean
}

async function post (url: string, headers: Record<string, string>, body: string, timeout: number): Promise<Failure | undefined> {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal: AbortSignal.timeout(timeout) })
    await response.body?.cancel()
    if (response.ok) return undefined
    return { reason: `the service answered ${response.status}`, transient: response.status === 429 || response.status >= 500 }
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error))
    return { reason: cause instanceof Error && 'code' in cause ? `${message}: ${cause.code}` : message, transient: true }
  }
}
