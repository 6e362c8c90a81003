/** The author of a change: a person, a machine client, or a part of the service. */
export interface Actor {
  kind: 'user' | 'client' | 'service'
  /** A username, or the name of the part of the service. */
  name: string
  /** The identity in Cognito; null for a part of the service. */
  issuer: string | null
  subject: string | null
}

/** The actor behind a verified token. */
export function userActor ({ username, issuer, subject }: { username: string, issuer: string, subject: string }): Actor {
  return { kind: 'user', name: username, issuer, subject }
}

/** A part of the service that acts by itself, such as the webhook. */
export function serviceActor (name: 'post-confirmation' | 'users sync' | 'command line'): Actor {
  return { kind: 'service', name, issuer: null, subject: null }
}
