import { useSyncExternalStore } from 'react'
import { Amplify } from 'aws-amplify'
import { fetchAuthSession, signOut, type AuthTokens } from 'aws-amplify/auth'
import { Hub } from 'aws-amplify/utils'
import type { Config } from './config.ts'

/** Who the id token says is signed in. */
export interface Identity {
  username: string
  subject: string
  administers: boolean
}

export type Session =
  | { state: 'starting' }
  | { state: 'out', because: 'not-yet' | 'asked' | 'over' }
  | { state: 'in', identity: Identity }

/** There is no session any more; the pages show so by themselves. */
export class SessionOver extends Error {}

export interface Token {
  text: string
  expiresAt: Date
}

let session: Session = { state: 'starting' }
let adminGroup = ''
const listeners = new Set<() => void>()

/**
 * Tells Amplify the user pool, and finds out whether somebody is signed in from before.
 * @throws what Amplify throws where Cognito has to be asked and cannot be reached
 */
export async function startSession (config: Config): Promise<void> {
  adminGroup = config.adminGroup
  const { userPoolId, clientId, endpoint } = config
  Amplify.configure({
    Auth: {
      Cognito: { userPoolId, userPoolClientId: clientId, loginWith: { username: true, email: true }, ...(endpoint && { userPoolEndpoint: endpoint }) }
    }
  })
  let renewalRefused = false
  Hub.listen('auth', ({ payload: { event } }) => {
    if (event === 'signedIn') beginSession()
    else if (event === 'tokenRefresh_failure') renewalRefused = true
  })
  // Another tab has signed out.
  addEventListener('storage', ({ key, newValue }) => {
    if (key?.endsWith('.refreshToken') && newValue === null && session.state === 'in') become({ state: 'out', because: 'asked' })
  })
  await beginSession()
  if (renewalRefused && session.state === 'out') become({ state: 'out', because: 'over' })
}

export function useSession (): Session {
  return useSyncExternalStore(listen, () => session)
}

/**
 * The id token, renewed where it is about to expire.
 * @throws {SessionOver} and ends the session, where it cannot be renewed
 * @throws what Amplify throws where Cognito cannot be reached
 */
export async function currentToken ({ renew = false } = {}): Promise<Token> {
  const { idToken } = await readTokens(renew)
  if (idToken?.payload.exp === undefined) {
    become({ state: 'out', because: 'over' })
    throw new SessionOver()
  }
  return { text: idToken.toString(), expiresAt: new Date(idToken.payload.exp * 1000) }
}

/** Signs out, because it was asked for or because the service refuses the session. */
export async function endSession (because: 'asked' | 'over'): Promise<void> {
  become({ state: 'out', because })
  if (because === 'asked') sessionStorage.clear()
  await signOut()
}

async function beginSession (): Promise<void> {
  const { idToken } = await readTokens()
  become(idToken === undefined ? { state: 'out', because: 'not-yet' } : { state: 'in', identity: readIdentity(idToken.payload) })
}

async function readTokens (renew = false): Promise<Partial<AuthTokens>> {
  try {
    return (await fetchAuthSession({ forceRefresh: renew })).tokens ?? {}
  } catch {
    // Where Cognito has refused for good, Amplify throws once and then has no tokens.
    return (await fetchAuthSession()).tokens ?? {}
  }
}

function readIdentity ({ sub, 'cognito:username': username, 'cognito:groups': groups }: AuthTokens['accessToken']['payload']): Identity {
  return {
    username: String(username ?? sub),
    subject: String(sub),
    administers: Array.isArray(groups) && groups.includes(adminGroup)
  }
}

function become (next: Session): void {
  session = next
  for (const listener of listeners) listener()
}

function listen (listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
