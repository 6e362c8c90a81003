import { isMachineClient } from '../cognito/machine-client.ts'
import { isStorable } from '../../plugins/cognito-auth/claims.ts'
import { isEmailVerified } from '../../plugins/cognito-auth/verified-email.ts'
import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import type { Identity } from './identity.ts'
import { chooseName, isProviderId } from './shown-name.ts'

/** A user or machine client of Cognito, as a token, the webhook or Cognito's API describes it. */
export interface CognitoUser extends Identity {
  kind: 'user' | 'client'
  /** The name under which Cognito's API knows the user; null for a machine client, which it does not know. */
  cognitoUsername: string | null
  /** The name that a new local user gets, where it is free. */
  shownName: string
  /**
   * The verified address; null where there is none, or it is not verified; undefined where nothing is said of
   * an address.
   */
  email: string | null | undefined
  /** When Cognito said so, in seconds since the epoch. */
  asOf: number
}

/** @param usernameClaim the configured claim that gives new users their name */
export function readToken (verified: VerifiedUser, usernameClaim: string | undefined): CognitoUser {
  const { issuer, subject, username, groups, userPoolId, tokenUse, claims } = verified
  const asOf = Number.isSafeInteger(claims.iat) ? Number(claims.iat) : 0
  if (isMachineClient(verified)) {
    return { kind: 'client', issuer, subject, cognitoUsername: null, shownName: subject, email: undefined, asOf }
  }
  const providers = readProviders(groups, userPoolId)
  // An access token has no claim `identities`, but the username of a federated user begins with the provider.
  const isFederated = tokenUse === 'access' && isProviderId(username, providers)
  const evidence = { verified: claims.email_verified, identities: claims.identities, ...(isFederated && { status: 'EXTERNAL_PROVIDER' }) }
  const email = readEmail(claims.email, evidence, 'token')
  return {
    kind: 'user',
    issuer,
    subject,
    cognitoUsername: username,
    // A getter, because every request makes this object and only the first one of a user needs the name.
    get shownName () {
      return chooseName(claims, { usernameClaim, cognitoUsername: username, providers, email })
    },
    email,
    asOf
  }
}

export interface UserAttributes extends Identity {
  cognitoUsername: string
  attributes: Record<string, unknown>
  status: string | undefined
}

/** @param asOf when Cognito sent the attributes, in seconds since the epoch */
export function readAttributes (
  { issuer, subject, cognitoUsername, attributes, status }: UserAttributes, usernameClaim: string | undefined, asOf: number
): CognitoUser {
  const evidence = { verified: attributes.email_verified, identities: attributes.identities, status }
  // Cognito sends every attribute that a user has, so a user without this one has no address.
  const email = readEmail(attributes.email, evidence, 'attributes') ?? null
  const shownName = chooseName(attributes, { usernameClaim, cognitoUsername, providers: [], email })
  return { kind: 'user', issuer, subject, cognitoUsername, shownName, email, asOf }
}

function readEmail (email: unknown, evidence: Parameters<typeof isEmailVerified>[0], source: 'token' | 'attributes'): CognitoUser['email'] {
  if (typeof email !== 'string' || email === '' || !isStorable(email)) return undefined
  return isEmailVerified(evidence, source) ? email : null
}

// Cognito makes a federated user a member of a group with the name of the pool and of the provider.
function readProviders (groups: readonly string[], userPoolId: string): string[] {
  return groups.filter(group => group.startsWith(`${userPoolId}_`)).map(group => group.slice(userPoolId.length + 1))
}
