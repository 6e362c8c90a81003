import { useSyncExternalStore } from 'react'
import { Amplify } from 'aws-amplify'
import { fetchAuthSession, signOut, type AuthTokens } from 'aws-amplify/auth'
import { Hub } from 'aws-amplify/utils'
import type { Config } from './config.ts'
import { replaceRoute } from './route.ts'

/** The signed-in person, as the id token says. */
export interface Identity {
  username: string
  subject: string
  isAdmin: boolean
}

export type Session =
  | { state: 'starting' }
  | { state: 'signed-out', reason: 'new-visitor' | 'signed-out' | 'expired' }
  | { state: 'signed-in', identity: Identity }

/** The session has expired. The pages react to the changed session; no caller needs to. */
export class SessionExpired extends Error {}

export interface Token {
  text: string
  expiresAt: Date
}

/** The key in sessionStorage of the subject whose data this tab holds. */
const ownerKey = 'owner'
/** Another tab writes several storage keys in a row. The check waits until the last one. */
const storageSettleMs = 100

let session: Session = { state: 'starting' }
let adminGroup = ''
/** Whether Cognito has refused to renew the tokens. */
let renewalRefused = false
let signingOut: Promise<void> = Promise.resolve()
const listeners = new Set<() => void>()

/**
 * Configures Amplify for the user pool and restores an earlier session.
 * @throws an error from Amplify if Cognito is needed and cannot be reached
 */
export async function startSession (config: Config): Promise<void> {
  adminGroup = config.adminGroup
  const { userPoolId, clientId, endpoint, passwordPolicy } = config
  Amplify.configure({
    Auth: {
      Cognito: {
        userPoolId,
        userPoolClientId: clientId,
        loginWith: { username: true, email: true },
        passwordFormat: passwordPolicy,
        ...(endpoint && { userPoolEndpoint: endpoint })
      }
    }
  })
  Hub.listen('auth', ({ payload: { event } }) => {
    if (event === 'signedIn') readSessionQuietly()
    else if (event === 'tokenRefresh_failure') renewalRefused = true
  })
  await readSession()
  watchOtherTabs()
}

export function useSession (): Session {
  return useSyncExternalStore(listen, () => session)
}

/**
 * Returns the id token, renewed if it is about to expire.
 * @throws {SessionExpired} if it cannot be renewed; the session is over then
 * @throws an error from Amplify if Cognito cannot be reached
 */
export async function currentToken ({ renew = false } = {}): Promise<Token> {
  const before = session
  const { idToken } = await readTokens(renew)
  applyTokens(idToken)
  // Another person may have signed in, in another tab. Nothing is done in that person's name.
  const isSamePerson = before.state === 'signed-in' && before.identity.subject === idToken?.payload.sub
  if (idToken?.payload.exp === undefined || !isSamePerson) throw new SessionExpired()
  return { text: idToken.toString(), expiresAt: new Date(idToken.payload.exp * 1000) }
}

/** Signs out in every tab of this browser. */
export async function endSession (reason: 'signed-out' | 'expired'): Promise<void> {
  setSession({ state: 'signed-out', reason })
  signingOut = signOut()
  await signingOut
}

/**
 * Reads the session from the browser's storage, where another tab may have changed it.
 * @throws an error from Amplify if Cognito is needed and cannot be reached
 */
export async function readSession (): Promise<void> {
  applyTokens((await readTokens()).idToken)
}

function applyTokens (idToken: AuthTokens['idToken']): void {
  if (idToken !== undefined) {
    renewalRefused = false
    setSession({ state: 'signed-in', identity: readIdentity(idToken.payload) })
  } else if (session.state !== 'signed-out') {
    const isNewVisitor = sessionStorage.getItem(ownerKey) === null
    // Without a refusal, the session ended in another tab.
    setSession({ state: 'signed-out', reason: renewalRefused ? 'expired' : isNewVisitor ? 'new-visitor' : 'signed-out' })
  }
}

function readSessionQuietly (): void {
  // The session stays as it is while Cognito cannot be reached. The next request reports the outage.
  readSession().catch(() => {})
}

function watchOtherTabs (): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  // Also fires after localStorage.clear().
  addEventListener('storage', () => {
    clearTimeout(timer)
    timer = setTimeout(readSessionQuietly, storageSettleMs)
  })
  // A suspended tab gets no storage events.
  document.addEventListener('visibilitychange', () => { if (!document.hidden) readSessionQuietly() })
  addEventListener('pageshow', readSessionQuietly)
}

async function readTokens (renew = false): Promise<Partial<AuthTokens>> {
  // Until Amplify has removed the tokens, they would sign in again.
  await signingOut.catch(() => {})
  try {
    return (await fetchAuthSession({ forceRefresh: renew })).tokens ?? {}
  } catch {
    // Amplify throws once when Cognito refuses the refresh token. After that it has no tokens.
    return (await fetchAuthSession()).tokens ?? {}
  }
}

function readIdentity ({ sub, 'cognito:username': username, 'cognito:groups': groups }: AuthTokens['accessToken']['payload']): Identity {
  return {
    username: String(username ?? sub),
    subject: String(sub),
    isAdmin: Array.isArray(groups) && groups.includes(adminGroup)
  }
}

function setSession (next: Session): void {
  if (JSON.stringify(next) === JSON.stringify(session)) return
  if (next.state === 'signed-in') claimTab(next.identity.subject)
  else if (next.state === 'signed-out' && next.reason === 'signed-out') clearTab()
  session = next
  for (const listener of listeners) listener()
}

/** Makes the tab this person's. The draft and the address of another person are removed. */
function claimTab (subject: string): void {
  const owner = sessionStorage.getItem(ownerKey)
  if (owner !== null && owner !== subject) clearTab()
  sessionStorage.setItem(ownerKey, subject)
}

function clearTab (): void {
  sessionStorage.clear()
  replaceRoute('')
}

function listen (listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
