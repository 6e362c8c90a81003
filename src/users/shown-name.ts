import { isStorable } from '../../plugins/cognito-auth/claims.ts'

interface NameOptions {
  usernameClaim: string | undefined
  cognitoUsername: string
  /** Identity providers of the user that are known besides those in the claim `identities`. */
  providers: string[]
  /** The verified address. */
  email: string | null | undefined
}

/** The longest name. A number still fits behind it. */
const maxCharacters = 128

/** https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-social-idp.html */
const socialProviders = ['Google', 'Facebook', 'LoginWithAmazon', 'SignInWithApple']

/**
 * The name of a new local user: the configured claim, or else the Cognito username, which nobody can change.
 * Where that is a UUID or the id of an identity provider, a claim meant for people comes first. A user may
 * edit such a claim, so it counts once: a later change of it renames nobody.
 */
export function chooseName (claims: Record<string, unknown>, { usernameClaim, cognitoUsername, providers, email }: NameOptions): string {
  const isReadable = !isUuid(cognitoUsername) && !isProviderId(cognitoUsername, [...providers, ...readProviders(claims.identities)])
  const candidates = [
    usernameClaim === undefined ? undefined : claims[usernameClaim],
    isReadable ? cognitoUsername : undefined,
    claims.preferred_username,
    claims.name,
    email?.slice(0, email.lastIndexOf('@'))
  ]
  for (const candidate of candidates) {
    if (typeof candidate === 'string' && isShowable(candidate.trim())) return candidate.trim()
  }
  return cognitoUsername
}

// A control or format character could make one name look like another.
function isShowable (name: string): boolean {
  return name !== '' && [...name].length <= maxCharacters && isStorable(name) && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)
}

function isUuid (name: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(name)
}

/**
 * Whether a Cognito username is that of a federated user: its provider and its id there, such as
 * `Google_108123`.
 */
export function isProviderId (name: string, providers: string[]): boolean {
  const folded = name.toLowerCase()
  return [...socialProviders, ...providers].some(provider => folded.startsWith(`${provider.toLowerCase()}_`))
}

// A token has a list; the webhook and Cognito's API have the same list as JSON text.
function readProviders (identities: unknown): string[] {
  try {
    const list: unknown = typeof identities === 'string' ? JSON.parse(identities) : identities
    return Array.isArray(list) ? list.flatMap(readProvider) : []
  } catch {
    return []
  }
}

function readProvider (identity: unknown): string[] {
  const isNamed = typeof identity === 'object' && identity !== null && 'providerName' in identity
  return isNamed ? [String(identity.providerName)] : []
}
