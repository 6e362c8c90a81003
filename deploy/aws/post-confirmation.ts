// Sends the event of Cognito's Post-Confirmation trigger to the service, signed as a Standard Webhook.
// Environment: POST_CONFIRMATION_URL, POST_CONFIRMATION_SECRET (whsec_…), and POST_CONFIRMATION_REQUIRED
// (true or false).

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

// Cognito waits five seconds for a trigger and calls it up to three times. The delivery gives up before that.
const deliveryTimeoutMs = 4_000
const attemptTimeoutMs = 1_500
const retryDelayMs = 200

/** The handler where there is no AWS, such as `npm run dev`. AWS runs post-confirmation-lambda.ts. */
export async function handler (event: PostConfirmationEvent): Promise<PostConfirmationEvent> {
  return notifyService(event, async () => process.env.POST_CONFIRMATION_SECRET ?? '')
}

/**
 * Delivers the event, with retries until the time is up. A failed delivery does not stop the sign-up, unless
 * POST_CONFIRMATION_REQUIRED is `true`: `users sync` adds the user later.
 */
export async function notifyService (event: PostConfirmationEvent, findSecret: () => Promise<string>): Promise<PostConfirmationEvent> {
  const { POST_CONFIRMATION_URL: url = '', POST_CONFIRMATION_REQUIRED: required } = process.env
  try {
    await deliver(url, findSecret, event)
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', message: 'the confirmed user was not delivered to the service', userPoolId: event.userPoolId, subject: event.request.userAttributes.sub, reason: error instanceof Error ? error.message : String(error) }))
    if (required === 'true') throw new Error('The sign-up could not be completed. Please try again.', { cause: error })
  }
  return event
}

async function deliver (url: string, findSecret: () => Promise<string>, event: PostConfirmationEvent): Promise<void> {
  if (URL.parse(url)?.host === undefined || URL.parse(url)?.username !== '') throw new Error('POST_CONFIRMATION_URL is not a URL without credentials')
  const deadline = Date.now() + deliveryTimeoutMs
  const webhook = new Webhook(await findSecret())
  const body = JSON.stringify(event)
  // Every attempt has the same id, so the service can recognise a retry.
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
    const failure = await post(url, headers, body, Math.min(attemptTimeoutMs, left))
    if (failure === undefined) return
    if (!failure.transient || deadline - Date.now() < retryDelayMs * 2) throw new Error(failure.reason)
    await wait(retryDelayMs)
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
