import { isMachineClient } from '../cognito/machine-client.ts'
import type { VerifiedUser } from '../../plugins/cognito-auth/index.ts'

/** The author of a change: a person, a machine client, or a part of the service. */
export interface Actor {
  kind: 'user' | 'client' | 'service'
  /** A username, or the name of the part of the service. */
  name: string
  /** The identity in Cognito; null for a part of the service. */
  issuer: string | null
  subject: string | null
}

/** The actor behind a verified token: a person, or a machine client. */
export function tokenActor (verified: Pick<VerifiedUser, 'username' | 'issuer' | 'subject' | 'tokenUse' | 'claims'>): Actor {
  const { username, issuer, subject } = verified
  return isMachineClient(verified)
    ? { kind: 'client', name: subject, issuer, subject }
    : { kind: 'user', name: username, issuer, subject }
}

/** A part of the service that acts without a token, such as the webhook. */
export function serviceActor (name: 'post-confirmation' | 'users sync' | 'command line'): Actor {
  return { kind: 'service', name, issuer: null, subject: null }
}
